import { randomUUID, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueAuthority, issueServer } from '../../src/certs/issue.js';
import { type Config, schema } from '../../src/config/schema.js';
import type { RuntimeSettings } from '../../src/gateway/settings/runtime-settings.js';
import { createGuard, type Guard } from '../../src/policy/guard.js';
import { parseRule } from '../../src/policy/rules.js';
import type { Authenticator } from '../../src/policy/types.js';
import { RawClient, rdgHead, request, TRANSPORTS, tlsSocket, upgradeHeaders, waitForClose } from '../support/client.js';
import { testGateway } from '../support/gateway.js';
import { closedPort, echoTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const authority = await issueAuthority('test', 'ecdsa', Date.now());
const issued = await issueServer(authority, ['localhost', '127.0.0.1'], 'ecdsa', Date.now());
const CA = authority.certificate;
const TLS = { cert: issued.certificate + CA, key: issued.key };

/** A guard of the same authenticator that accepts every client as the user `user`, and records whether it was closed. */
function openGuard(user: string, more: Partial<Authenticator> = {}): Guard & { readonly isClosed: () => boolean } {
  let closed = false;
  const authenticator: Authenticator = {
    name: 'custom',
    authenticate: () => ({ allow: true, user }),
    close: () => {
      closed = true;
    },
    ...more,
  };
  return { ...createGuard({ authenticator, deadline: 10_000 }), isClosed: () => closed };
}

interface Changes {
  readonly guard?: Guard;
  readonly allow?: readonly string[];
  readonly limits?: Partial<Config['limits']>;
  readonly timeouts?: Partial<Config['timeouts']>;
  readonly transports?: Partial<Config['transports']>;
}

function settingsWith({
  guard = openGuard('new'),
  allow = ['127.0.0.1:*'],
  ...sections
}: Changes = {}): RuntimeSettings {
  const parsed = schema.parse({});
  const { limits, timeouts, transports } = sections;
  const config = {
    ...parsed,
    limits: { ...parsed.limits, ...limits },
    timeouts: { ...parsed.timeouts, ...timeouts },
    transports: { ...parsed.transports, ...transports },
    auth: parsed.auth,
  };
  return { config, tls: TLS, guard, rules: allow.map(parseRule) };
}

const oldGateway = (guard = openGuard('old')) => testGateway({ guard, allow: ['127.0.0.1:*'] });

describe.each(TRANSPORTS)('a reload during a session over %s', (transport) => {
  it('does not affect it, and new connections get the new certificate', async () => {
    const old = openGuard('old');
    const server = await oldGateway(old);
    const target = await echoTarget();
    const client = await RawClient.open(server, { transport, token: 'x', port: target.port });
    const before = client.pipe.up.getPeerX509Certificate()?.fingerprint256;
    server.gateway.reload(settingsWith());
    await eventually(old.isClosed);
    client.send(Buffer.from('still here'));
    expect((await client.waitForBytes(10)).toString()).toBe('still here');

    await expect(tlsSocket(server)).rejects.toThrow(/certificate/);
    const later = { port: server.port, ca: CA };
    const second = await RawClient.open(later, { transport, token: 'x', port: target.port });
    const after = second.pipe.up.getPeerX509Certificate()?.fingerprint256;
    expect(after).toBe(new X509Certificate(issued.certificate).fingerprint256);
    expect(after).not.toBe(before);
    expect(server.lines('authentication.succeeded').map(({ user }) => user)).toEqual(['old', 'new']);
    client.pipe.close();
    second.pipe.close();
    await server.stop();
    await target.stop();
  });

  it('applies the new rules to its next channel, with its former identity', async () => {
    const server = await oldGateway();
    const target = await echoTarget();
    const users: string[] = [];
    const guard = openGuard('new', {
      authorize: ({ user }) => {
        users.push(user);
        return { allow: true };
      },
    });
    const client = await RawClient.open(server, { transport, token: 'x', port: target.port });
    const nextChannel = async (number: number): Promise<void> => {
      client.closeChannel();
      await client.until('closed', number - 1);
      client.createChannel();
    };
    server.gateway.reload(settingsWith({ guard }));
    await nextChannel(1);
    await client.until('opened', 1);
    expect(users).toEqual(['old']);
    server.gateway.reload(settingsWith({ allow: ['10.0.0.1'] }));
    await nextChannel(2);
    await client.ended();
    expect(await server.line('channel.refused')).toMatchObject({ user: 'old' });
    await server.stop();
    await target.stop();
  });
});

describe('the former guard', () => {
  it('is closed when its last pending decision is complete, and not before', async () => {
    let answer: ((verdict: { allow: true; user: string }) => void) | undefined;
    const old = openGuard('old', {
      authenticate: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const server = await oldGateway(old);
    const target = await echoTarget();
    const slow = await RawClient.start(server, { transport: 'websocket', token: 'x', port: target.port });
    await eventually(() => answer !== undefined);
    server.gateway.reload(settingsWith());
    const quick = await RawClient.open(
      { port: server.port, ca: CA },
      { transport: 'http', token: 'x', port: target.port },
    );
    expect(old.isClosed()).toBe(false);
    answer?.({ allow: true, user: 'old' });
    await slow.until('opened');
    await eventually(old.isClosed);
    slow.pipe.close();
    quick.pipe.close();
    await server.stop();
    await target.stop();
  });

  it('of every reload is closed when the gateway is', async () => {
    const guards = ['a', 'b', 'c'].map((name) => openGuard(name));
    const server = await oldGateway(guards[0]);
    for (const guard of guards.slice(1)) server.gateway.reload(settingsWith({ guard }));
    await server.gateway.drain(0);
    expect(guards.map((guard) => guard.isClosed())).toEqual([true, true, true]);
  });
});

describe('a reload', () => {
  const later = (server: { readonly port: number }) => ({ port: server.port, ca: CA });

  it('with a certificate that OpenSSL refuses changes nothing', async () => {
    const old = openGuard('old');
    const server = await oldGateway(old);
    const damaged = {
      ...TLS,
      cert: TLS.cert.replace(/(.{20})\n-----END CERTIFICATE-----\s*$/, '\n-----END CERTIFICATE-----\n'),
    };
    expect(() => server.gateway.reload({ ...settingsWith({ limits: { tunnels: 1 } }), tls: damaged })).toThrow(
      expect.objectContaining({ code: 'TLS_UNUSABLE', kind: 'configuration' }),
    );
    const client = await RawClient.start(server, { transport: 'websocket', token: 'x', port: await closedPort() });
    await client.ended();
    expect(await server.line('authentication.succeeded')).toMatchObject({ user: 'old' });
    expect(old.isClosed()).toBe(false);
    await server.stop();
  });

  it('changes the limits of tunnels and of unauthenticated connections', async () => {
    const server = await oldGateway();
    const target = await echoTarget();
    const client = await RawClient.open(server, { transport: 'websocket', token: 'x', port: target.port });
    server.gateway.reload(settingsWith({ limits: { tunnels: 1 } }));
    const head = rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders());
    expect((await request(await tlsSocket(later(server)), head)).status).toBe(503);
    server.gateway.reload(settingsWith({ limits: { handshakes: 1 } }));
    await eventually(() => server.gateway.connections === 1);
    const only = await tlsSocket(later(server));
    expect((await request(await tlsSocket(later(server)), head)).status).toBe(101);
    expect(await server.line('connection.evicted')).toMatchObject({ reason: 'limits.handshakes' });
    await waitForClose(only);
    client.pipe.close();
    await server.stop();
    await target.stop();
  });

  it('changes the limit of tunnels of one user', async () => {
    const server = await oldGateway();
    const target = await echoTarget();
    const open = (ca: string, port = server.port) =>
      RawClient.open({ port, ca }, { transport: 'websocket', token: 'x', port: target.port });
    const clients = [await open(server.ca)];
    const guard = () => openGuard('old');
    server.gateway.reload(settingsWith({ guard: guard(), limits: { tunnelsPerUser: 1 } }));
    await expect(open(CA)).rejects.toThrow();
    expect(await server.line('session.refused')).toMatchObject({ reason: 'limits.tunnelsPerUser is reached' });
    server.gateway.reload(settingsWith({ guard: guard(), limits: { tunnelsPerUser: 2 } }));
    clients.push(await open(CA));
    for (const client of clients) client.pipe.close();
    await server.stop();
    await target.stop();
  });

  it('changes the size limit of heads', async () => {
    const server = await oldGateway();
    server.gateway.reload(settingsWith({ limits: { headBytes: 200_000 } }));
    const upgrade = [
      `GET /remoteDesktopGateway/?ConId=${randomUUID()} HTTP/1.1`,
      'Host: x',
      ...upgradeHeaders(),
      `Authorization: PAA ${'x'.repeat(100_000)}`,
    ];
    expect((await request(await tlsSocket(later(server)), upgrade)).status).toBe(101);
    server.gateway.reload(settingsWith({ limits: { headBytes: 4096 } }));
    expect((await request(await tlsSocket(later(server)), upgrade)).status).toBe(431);
    await server.stop();
  });

  it('changes transports and time limits', async () => {
    const server = await oldGateway();
    const timeouts = { close: 0.1, head: 0.1 };
    server.gateway.reload(settingsWith({ transports: { http: false }, timeouts }));
    expect((await request(await tlsSocket(later(server)), rdgHead('RDG_OUT_DATA', randomUUID()))).status).toBe(403);
    const silent = await tlsSocket(later(server));
    silent.write('RDG_OUT_DATA ');
    await eventually(() => server.gateway.connections === 0);
    await server.stop();
  });
});
