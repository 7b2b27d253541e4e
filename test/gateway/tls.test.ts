import { once } from 'node:events';
import { type ConnectionOptions, connect, getCiphers, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { issueAuthority, issueServer, type KeyType } from '../../src/certs/issue.js';
import { schema } from '../../src/config/schema.js';
import { newTicketKeys } from '../../src/gateway/settings/ticket-keys.js';
import { type TlsProfile, tlsProfileOptions } from '../../src/gateway/settings/tls-profile.js';
import { createGuard } from '../../src/policy/guard.js';
import { type TestGateway, testGateway } from '../support/gateway.js';

async function issue(keyType: KeyType): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const authority = await issueAuthority('test', keyType, Date.now());
  const { certificate, key } = await issueServer(authority, ['localhost'], keyType, Date.now());
  return { ca: authority.certificate, cert: certificate, key };
}

const CERTIFICATES = { ecdsa: await issue('ecdsa'), rsa: await issue('rsa') };

let server: TestGateway;
beforeEach(async () => {
  server = await testGateway();
});
afterEach(() => server.stop());

function use(keyType: KeyType, profile?: TlsProfile): void {
  const { cert, key } = CERTIFICATES[keyType];
  const guard = createGuard({
    authenticator: { name: 'none', authenticate: () => ({ allow: false, reason: 'no' }) },
    deadline: 1000,
  });
  const tls = profile === undefined ? { cert, key } : { cert, key, profile };
  server.gateway.reload({ config: schema.parse({}), tls, guard, rules: [] });
}

async function handshake(options: ConnectionOptions, keyType: KeyType = 'rsa'): Promise<TLSSocket> {
  const { ca } = CERTIFICATES[keyType];
  const socket = connect({ host: '127.0.0.1', port: server.port, servername: 'localhost', ca, ...options });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** The suite that is agreed on, or `refused`. */
async function suiteOf(ciphers: string, keyType: KeyType, more: ConnectionOptions = {}): Promise<string> {
  try {
    const socket = await handshake({ ciphers, maxVersion: 'TLSv1.2', ...more }, keyType);
    const { name } = socket.getCipher();
    socket.destroy();
    return name;
  } catch {
    return 'refused';
  }
}

const WITH_SECRECY = ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-CHACHA20-POLY1305', 'DHE-RSA-AES256-GCM-SHA384'];
const OLD = [
  'AES128-SHA',
  'AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-SHA256',
  'ECDHE-RSA-AES128-SHA',
  'DHE-RSA-AES128-SHA256',
];

describe('TLS by default, which is the profile intermediate', () => {
  it.each(WITH_SECRECY)('accepts %s', async (suite) => {
    use('rsa');
    expect(await suiteOf(suite, 'rsa')).toBe(suite);
  });

  it.each(OLD)('refuses %s', async (suite) => {
    use('rsa');
    expect(await suiteOf(suite, 'rsa')).toBe('refused');
  });

  it.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['ECDHE-ECDSA-AES256-SHA', 'refused'],
  ])('with an ECDSA certificate answers %s with %s', async (suite, answer) => {
    use('ecdsa');
    expect(await suiteOf(suite, 'ecdsa')).toBe(answer);
  });

  it('lets the client choose among the suites', async () => {
    use('rsa');
    for (const suite of WITH_SECRECY) {
      const others = WITH_SECRECY.filter((other) => other !== suite);
      expect(await suiteOf([suite, ...others].join(':'), 'rsa')).toBe(suite);
    }
  });

  it('speaks TLS 1.3', async () => {
    use('rsa');
    const socket = await handshake({ minVersion: 'TLSv1.3' });
    expect(socket.getProtocol()).toBe('TLSv1.3');
    socket.destroy();
  });
});

describe('TLS with the profile old', () => {
  it.each([...WITH_SECRECY, ...OLD])('accepts %s', async (suite) => {
    use('rsa', 'old');
    expect(await suiteOf(suite, 'rsa')).toBe(suite);
  });

  it('prefers suites with forward secrecy, whatever the client does', async () => {
    use('rsa', 'old');
    expect(await suiteOf(['AES128-SHA', ...WITH_SECRECY].join(':'), 'rsa')).toBe('ECDHE-RSA-AES128-GCM-SHA256');
  });
});

describe.each(['intermediate', 'old'] as const)('TLS with the profile %s', (profile) => {
  it('refuses TLS 1.1', async () => {
    use('rsa', profile);
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as const;
    expect(await suiteOf('ALL:@SECLEVEL=0', 'rsa', old)).toBe('refused');
    await server.line('tls.incompatible', ({ code }) => code === 'ERR_SSL_UNSUPPORTED_PROTOCOL');
  });

  it('lets no client negotiate again', async () => {
    use('rsa', profile);
    const socket = await handshake({ maxVersion: 'TLSv1.2' });
    const refused = await new Promise<Error | null>((resolve) => {
      socket.once('error', resolve);
      socket.renegotiate({}, resolve);
    });
    expect(refused).toBeInstanceOf(Error);
    socket.destroy();
  });

  it('names only suites that OpenSSL knows', () => {
    const names = tlsProfileOptions(profile).ciphers?.toLowerCase().split(':') ?? [];
    expect(names.filter((name) => !getCiphers().includes(name))).toEqual([]);
  });
});

describe('a TLS session', () => {
  /** A ticket of a first connection, and whether it resumes a session after `between`. */
  async function resumesAfter(between: () => void): Promise<boolean> {
    use('rsa');
    const first = await handshake({ maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    first.destroy();
    between();
    const second = await handshake({ maxVersion: 'TLSv1.2', session });
    const resumed = second.isSessionReused();
    second.destroy();
    return resumed;
  }

  it('is resumed with its ticket, after a reload too', async () => {
    expect(await resumesAfter(() => undefined)).toBe(true);
    expect(await resumesAfter(() => use('rsa'))).toBe(true);
  });

  it('gets a full handshake after the keys of the tickets were replaced', async () => {
    expect(await resumesAfter(() => server.gateway.useTicketKeys(newTicketKeys()))).toBe(false);
  });
});

it('a handshake without a common suite has a warning that names the setting', async () => {
  use('rsa');
  await suiteOf('AES128-SHA', 'rsa');
  const line = await server.line('tls.incompatible');
  expect(line).toMatchObject({
    level: 'warn',
    peer: '127.0.0.1',
    code: 'ERR_SSL_NO_SHARED_CIPHER',
    hint: expect.stringContaining('tls.profile'),
  });
});
