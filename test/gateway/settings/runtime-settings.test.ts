import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestGateway, testGateway } from '../../support/gateway.js';

let server: TestGateway;
beforeAll(async () => {
  server = await testGateway();
});
afterAll(() => server.stop());

/** The protocol of a handshake with one group for the key exchange, or the reason of its failure. */
async function handshake(group: string, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<string | null> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port: server.port,
    ca: server.ca,
    servername: 'localhost',
    ecdhCurve: group,
    maxVersion,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getProtocol();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? null;
  } finally {
    socket.destroy();
  }
}

describe('the key exchange of TLS', () => {
  it.each(['X25519', 'P-256', 'P-384'])('is possible with %s', async (group) => {
    expect(await handshake(group)).toBe('TLSv1.3');
  });

  it('is possible with TLS 1.2', async () => {
    expect(await handshake('P-256', 'TLSv1.2')).toBe('TLSv1.2');
  });

  it.each(['ffdhe2048', 'ffdhe3072', 'ffdhe4096', 'ffdhe6144', 'ffdhe8192', 'P-521', 'X448'])(
    'is not possible with %s, whose computation would cost the gateway more than any other request',
    async (group) => {
      expect(await handshake(group)).toMatch(/_ALERT_HANDSHAKE_FAILURE$/);
    },
  );
});
