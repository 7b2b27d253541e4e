/** Header fields in which a trusted proxy names the client. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGuard } from '../../../src/policy/guard.js';
import {
  chunk,
  dualPipe,
  openOut,
  RawClient,
  rdgHead,
  request,
  TRANSPORTS,
  type TransportKind,
  tlsSocket,
} from '../../support/client.js';
import type { LogLine, TestGateway, TestGatewayOptions } from '../../support/gateway.js';
import { testGatewayOrPair } from '../../support/site.js';
import { echoTarget, type TestTarget } from '../../support/target.js';

let target: TestTarget;
beforeAll(async () => {
  target = await echoTarget();
});
afterAll(() => target.stop());

let gateway: TestGateway;
afterEach(() => gateway.stop());

const listening = async (options: TestGatewayOptions): Promise<void> => {
  gateway = await testGatewayOrPair({ timeouts: { close: 0.3 }, trustedProxies: ['127.0.0.1'], ...options });
};

/** Opens a channel with these header fields. Resolves to the line about it. */
async function opened(transport: TransportKind, headers: readonly string[], localAddress?: string): Promise<LogLine> {
  const connectionId = randomUUID();
  const server = localAddress === undefined ? gateway : { ...gateway, host: localAddress };
  const client = await RawClient.open(server, {
    transport,
    connectionId,
    headers,
    port: target.port,
    token: await gateway.token(target.name),
  });
  client.pipe.close();
  return gateway.line('channel.opened', ({ connection }) => connection === connectionId);
}

describe.each(TRANSPORTS)('over the %s transport, a trusted proxy', (transport) => {
  it('names the client in the configured field', async () => {
    await listening({ forwarded: 'x-forwarded-for' });
    const line = await opened(transport, ['X-Forwarded-For: 198.51.100.1, 203.0.113.9']);
    expect(line).toMatchObject({ peer: '203.0.113.9', proxy: '127.0.0.1' });
  });

  it('names it in Forwarded, and every other field is ignored', async () => {
    await listening({ forwarded: 'forwarded' });
    const fields = ['Forwarded: for="[2001:db8::1]:4711"', 'X-Forwarded-For: 203.0.113.9', 'X-Real-IP: 203.0.113.9'];
    expect(await opened(transport, fields)).toMatchObject({ peer: '2001:db8::1', proxy: '127.0.0.1' });
  });

  it.each([
    ['without a field configured', 'none', ['X-Forwarded-For: 203.0.113.9', 'Forwarded: for=203.0.113.9']],
    ['without the field', 'x-forwarded-for', ['Forwarded: for=203.0.113.9']],
    ['with a malformed field', 'x-forwarded-for', ['X-Forwarded-For: 203.0.113.9, x']],
    ['with proxies only', 'x-forwarded-for', ['X-Forwarded-For: 127.0.0.1']],
  ] as const)('%s leaves the client unknown', async (_name, forwarded, headers) => {
    await listening({ forwarded });
    expect(await opened(transport, headers)).toMatchObject({ peer: 'unknown', proxy: '127.0.0.1' });
  });

  it('leaves the address of an unknown client undefined for the authenticator', async () => {
    const peers: unknown[] = [];
    const authenticator = {
      name: 'records',
      authenticate: ({ peer }: { peer: unknown }) => {
        peers.push(peer);
        return { allow: true, user: 'alice' } as const;
      },
    };
    const guard = createGuard({ authenticator, deadline: 5000 });
    await listening({ forwarded: 'x-forwarded-for', allow: ['127.0.0.1:*'], guard });
    await opened(transport, []);
    await opened(transport, ['X-Forwarded-For: 203.0.113.9']);
    expect(peers).toEqual([undefined, '203.0.113.9']);
  });
});

describe.each(TRANSPORTS)('over the %s transport, anybody else', (transport) => {
  it('cannot name another client', async () => {
    await listening({ forwarded: 'x-forwarded-for', trustedProxies: ['127.0.0.7'] });
    const line = await opened(transport, ['X-Forwarded-For: 203.0.113.9']);
    expect(line).toMatchObject({ peer: '127.0.0.1' });
    expect(line).not.toHaveProperty('proxy');
  });
});

it('two clients of one connection are told apart by their requests', async () => {
  await listening({ forwarded: 'x-forwarded-for' });
  const socket = await tlsSocket(gateway);
  const [first, second] = [randomUUID(), randomUUID()];
  const probe = [...rdgHead('RDG_IN_DATA', first, ['X-Forwarded-For: 203.0.113.1']), 'Content-Length: 0'];
  expect(await request(socket, probe)).toMatchObject({ status: 200 });
  const refused = rdgHead('RDG_IN_DATA', second, ['X-Forwarded-For: 203.0.113.2', 'Transfer-Encoding: chunked']);
  expect(await request(socket, refused)).toMatchObject({ status: 409 });
  expect(await gateway.line('request.rejected')).toMatchObject({ connection: second, peer: '203.0.113.2' });
  socket.destroy();
});

it('the field never pairs: both channels of a client behind two exits find each other', async () => {
  await listening({ forwarded: 'x-forwarded-for' });
  const connectionId = randomUUID();
  const out = await openOut(await tlsSocket(gateway), connectionId, ['X-Forwarded-For: 203.0.113.1']);
  const socket = await tlsSocket(gateway);
  const head = rdgHead('RDG_IN_DATA', connectionId, ['X-Forwarded-For: 203.0.113.2', 'Transfer-Encoding: chunked']);
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  const client = new RawClient(dualPipe(out, socket, chunk), {
    port: target.port,
    token: await gateway.token(target.name),
  });
  client.start();
  await client.until('opened');
  expect(await gateway.line('channel.opened')).toMatchObject({ peer: '203.0.113.1' });
  client.pipe.close();
});
