/** What a session may do when a right of its user has ended: its next channel, and the channel that is open. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anyAuthenticator, signedAuthenticator, staticAuthenticator } from '../../src/policy/builtin.js';
import type { BuiltInAuthenticator } from '../../src/policy/grant.js';
import { createGuard, type Guard } from '../../src/policy/guard.js';
import { parseRule } from '../../src/policy/rules.js';
import { parseTokenList } from '../../src/policy/static.js';
import { createSignedVerifier, mintToken } from '../../src/policy/token.js';
import type { Authenticator } from '../../src/policy/types.js';
import { PKT_TYPE, RESULT } from '../../src/protocol/index.js';
import { RawClient, TRANSPORTS } from '../support/client.js';
import type { LogLine, TestGateway } from '../support/gateway.js';
import { testGatewayOrPair } from '../support/site.js';
import { echoTarget, type TestTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const KEY = randomBytes(32);
const NAME = 'localhost';
const LIST_TOKEN = 'sesame-open-sesame';
const issuer = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    jwk: publicKey.export({ format: 'jwk' }),
  };
};
const PORTAL = issuer();
const OTHER = issuer();

const builtIn = (authenticator: BuiltInAuthenticator): Guard =>
  createGuard({ authenticator, deadline: 10_000, builtIn: true });
interface SignedParts {
  readonly key?: Uint8Array;
  readonly pem?: string | undefined;
  readonly jwk?: object;
  readonly name?: string;
}
const signed = ({ key = KEY, pem, jwk, name = NAME }: SignedParts = {}): Guard =>
  builtIn(
    signedAuthenticator(
      createSignedVerifier({
        localKey: key,
        publicKeys: pem === undefined ? [] : [{ label: 'portal.pem', pem }],
        jwks:
          jwk === undefined
            ? undefined
            : { label: 'portal.jwks', json: JSON.stringify({ keys: [{ ...jwk, kid: 'a' }] }) },
        audiences: [name],
      }),
    ),
  );
const list = (text: string): Guard => builtIn(staticAuthenticator(parseTokenList(text, 'tokens')));
const custom = (more: Partial<Authenticator> = {}, deadline = 10_000): Guard =>
  createGuard({
    authenticator: { name: 'portal', authenticate: () => ({ allow: true, user: 'alice' }), ...more },
    deadline,
  });

let target: TestTarget;
let server: TestGateway;
beforeEach(async () => {
  target = await echoTarget();
});
afterEach(async () => {
  await server.stop();
  await target.stop();
});

const ownToken = (expiresInMs = 3600_000): Promise<string> =>
  mintToken(KEY, {
    user: 'alice',
    targets: [target.name],
    audience: NAME,
    expiresAt: new Date(Date.now() + expiresInMs),
    id: 'x',
  });
const portalToken = (): Promise<string> =>
  new SignJWT({ sub: 'alice', aud: NAME, tgt: target.name })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setExpirationTime('1h')
    .sign(PORTAL.privateKey);

/** Settings before and after a reload, and what the log says about a right that ended between them. */
interface Case {
  readonly token?: () => Promise<string>;
  readonly before: () => Guard;
  readonly after: () => Guard;
  readonly allow?: readonly string[];
  readonly allowAfter?: readonly string[];
  readonly reason: string | RegExp;
  readonly code: RegExp;
}
const COOKIE = /^E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED/;
const RAP = /^E_PROXY_RAP_ACCESSDENIED/;
const any = ['127.0.0.1:*'];

const LOST: readonly (readonly [string, Case])[] = [
  [
    'the key of the gateway is replaced',
    {
      token: ownToken,
      before: signed,
      after: () => signed({ key: randomBytes(32) }),
      reason: 'the key of the token is no longer accepted',
      code: COOKIE,
    },
  ],
  [
    "an issuer's key is removed",
    {
      token: portalToken,
      allow: any,
      before: () => signed({ pem: PORTAL.pem }),
      after: signed,
      reason: 'the key of the token is no longer accepted',
      code: COOKIE,
    },
  ],
  [
    'another key gets the label of the former',
    {
      token: portalToken,
      allow: any,
      before: () => signed({ pem: PORTAL.pem }),
      after: () => signed({ pem: OTHER.pem }),
      reason: 'the key of the token is no longer accepted',
      code: COOKIE,
    },
  ],
  [
    'another key of a set gets the id of the former',
    {
      token: portalToken,
      allow: any,
      before: () => signed({ jwk: PORTAL.jwk }),
      after: () => signed({ jwk: OTHER.jwk }),
      reason: 'the key of the token is no longer accepted',
      code: COOKIE,
    },
  ],
  [
    'the gateway gets another name',
    {
      token: ownToken,
      before: signed,
      after: () => signed({ name: 'new.example' }),
      reason: 'the token names the audience "localhost", this gateway is "new.example"',
      code: COOKIE,
    },
  ],
  [
    'the line of the token is removed from the list',
    {
      before: () => list(`${LIST_TOKEN} alice`),
      after: () => list('another-token-0001 alice'),
      allow: any,
      reason: 'the token is no longer in the list',
      code: COOKIE,
    },
  ],
  [
    'the line of the token gets other targets',
    {
      before: () => list(`${LIST_TOKEN} alice ${target.name}`),
      after: () => list(`${LIST_TOKEN} alice 10.0.0.1`),
      reason: 'the identity may open 10.0.0.1:3389 only',
      code: RAP,
    },
  ],
  [
    'the mode changes from any to static',
    {
      before: () => builtIn(anyAuthenticator()),
      after: () => list(`${LIST_TOKEN} alice`),
      allow: any,
      reason: 'the gateway no longer uses the mode any',
      code: COOKIE,
    },
  ],
  [
    'the mode changes from static to any',
    {
      before: () => list(`${LIST_TOKEN} alice`),
      after: () => builtIn(anyAuthenticator()),
      allow: any,
      reason: 'the gateway no longer uses the mode static',
      code: COOKIE,
    },
  ],
  [
    'the mode changes from signed to a custom authenticator',
    {
      token: ownToken,
      before: signed,
      after: custom,
      allow: any,
      reason: 'the gateway no longer uses the mode signed',
      code: COOKIE,
    },
  ],
  [
    'the custom authenticator is replaced',
    {
      before: custom,
      after: () => custom({ name: 'other' }),
      allow: any,
      reason: 'the gateway no longer uses the authenticator portal',
      code: COOKIE,
    },
  ],
  [
    'the custom authenticator now says no',
    {
      before: () => custom({ authorize: () => ({ allow: true }) }),
      after: () => custom({ authorize: () => ({ allow: false, reason: 'alice has left' }) }),
      allow: any,
      reason: 'alice has left',
      code: RAP,
    },
  ],
  [
    'the custom authenticator now fails',
    {
      before: custom,
      after: () => custom({ authorize: () => Promise.reject(new Error('the database is down')) }),
      allow: any,
      reason: 'authenticator portal failed: the database is down',
      code: RAP,
    },
  ],
  [
    'the custom authenticator now does not answer',
    {
      before: custom,
      after: () => custom({ authorize: () => new Promise(() => undefined) }, 100),
      allow: any,
      reason: 'no answer within 0.1 s',
      code: RAP,
    },
  ],
  [
    'the allow rule is removed',
    { before: custom, after: custom, allow: any, allowAfter: ['10.0.0.1'], reason: /no rule allows/, code: RAP },
  ],
];

async function start(test: Pick<Case, 'before' | 'allow'>): Promise<void> {
  server = await testGatewayOrPair({ guard: test.before(), ...(test.allow && { allow: test.allow }) });
}

function reload(test: Pick<Case, 'after' | 'allow' | 'allowAfter'>, whenRevoked: 'keep' | 'end' = 'keep'): void {
  const { settings } = server;
  const rules = (test.allowAfter ?? test.allow ?? []).map(parseRule);
  server.gateway.reload({
    ...settings,
    rules,
    guard: test.after(),
    config: { ...settings.config, auth: { whenRevoked } },
  });
}

const clientsOf = async (transport: 'websocket' | 'http', count: number, token = LIST_TOKEN): Promise<RawClient[]> =>
  Promise.all(Array.from({ length: count }, () => RawClient.open(server, { transport, token, port: target.port })));

async function expectEcho(client: RawClient): Promise<void> {
  const before = client.receivedBytes;
  client.send(Buffer.from('ping'));
  await client.waitForBytes(before + 4);
  expect(client.received.subarray(before).toString()).toBe('ping');
}

async function nextChannel(client: RawClient): Promise<void> {
  client.closeChannel();
  await client.until('closed');
  client.createChannel();
}

const expected = (reason: string | RegExp) => (typeof reason === 'string' ? reason : expect.stringMatching(reason));

describe.each(TRANSPORTS)('over %s', (transport) => {
  describe('a right that ends because', () => {
    it.each(LOST)('%s opens no further channel, and its open channel stays', async (_, test) => {
      await start(test);
      // As many as there are processes.
      const clients = await clientsOf(transport, 2, await test.token?.());
      reload(test);
      for (const client of clients) await expectEcho(client);
      expect(server.lines('session.revoked')).toEqual([]);
      const dialled = target.sockets.length;
      for (const client of clients) {
        await nextChannel(client);
        await client.ended();
      }
      expect(server.lines('channel.refused')).toHaveLength(2);
      for (const line of server.lines('channel.refused'))
        expect(line).toMatchObject({
          user: server.lines('channel.opened')[0]?.user,
          reason: expected(test.reason),
          code: expect.stringMatching(test.code),
        });
      expect(server.lines('channel.opened')).toHaveLength(2);
      expect(target.sockets).toHaveLength(dialled);
    });

    it.each(LOST)('%s ends its open channel, if the settings say so', async (_, test) => {
      await start(test);
      const clients = await clientsOf(transport, 2, await test.token?.());
      reload(test, 'end');
      for (const client of clients) {
        expect(await client.until('closed')).toMatchObject({ code: 0x4d4 });
        client.pipe.close();
      }
      await server.idle();
      const lines = server.lines('session.revoked');
      expect(lines).toHaveLength(2);
      const { user } = server.lines('channel.opened')[0] as LogLine;
      for (const line of lines)
        expect(line).toMatchObject({ user, target: target.name, address: '127.0.0.1', reason: expected(test.reason) });
      expect(server.lines('session.ended').map(({ cause }) => cause)).toEqual(['access revoked', 'access revoked']);
      expect(target.open).toBe(0);
    });
  });

  it('an expired token opens no further channel, and its open channel stays whatever the settings are', async () => {
    server = await testGatewayOrPair({ guard: signed() });
    const [client] = (await clientsOf(transport, 1, await ownToken(1500))) as [RawClient];
    await new Promise((resolve) => setTimeout(resolve, 1600));
    reload({ after: signed }, 'end');
    await expectEcho(client);
    await nextChannel(client);
    await client.ended();
    expect(await server.line('channel.refused')).toMatchObject({
      reason: expect.stringMatching(/^the token expired \d s ago$/),
      code: expect.stringMatching(COOKIE),
    });
    expect(server.lines('session.revoked')).toEqual([]);
  });

  it('a token whose line names another user and target opens channels as that user', async () => {
    const [first, second] = [target, await echoTarget()];
    server = await testGatewayOrPair({ guard: list(`${LIST_TOKEN} alice ${first.name}`) });
    const [client] = (await clientsOf(transport, 1)) as [RawClient];
    reload({ after: () => list(`${LIST_TOKEN} bob ${first.name},${second.name}`) });
    await nextChannel(client);
    await client.until('opened', 1);
    expect(server.lines('channel.opened').map(({ user }) => user)).toEqual(['alice', 'bob']);
    client.pipe.close();
    await second.stop();
  });

  it('rights that did not end keep their sessions and open further channels', async () => {
    server = await testGatewayOrPair({ guard: signed({ pem: PORTAL.pem }), allow: any });
    const own = await clientsOf(transport, 2, await ownToken());
    const gone = await clientsOf(transport, 2, await portalToken());
    reload({ after: signed, allow: any }, 'end');
    for (const client of gone) await client.until('closed');
    for (const client of own) {
      await expectEcho(client);
      await nextChannel(client);
      await client.until('opened', 1);
      client.pipe.close();
    }
    expect(server.lines('session.revoked')).toHaveLength(2);
  });

  it('a session without a channel ends too, if the settings say so and its right has ended', async () => {
    server = await testGatewayOrPair({ guard: list(`${LIST_TOKEN} alice`), allow: any });
    const [client] = (await clientsOf(transport, 1)) as [RawClient];
    client.closeChannel();
    await client.until('closed');
    reload({ after: () => list('another-token-0001 alice'), allow: any }, 'end');
    await client.ended();
    expect(await server.line('session.revoked')).toMatchObject({ reason: 'the token is no longer in the list' });
    expect(await server.line('session.ended')).toMatchObject({ cause: 'access revoked' });
  });

  describe.each(['keep', 'end'] as const)('with whenRevoked: %s', (whenRevoked) => {
    it.each([
      ['the allow rule is removed', custom, ['10.0.0.1'], RESULT.E_PROXY_RAP_ACCESSDENIED],
      [
        'the authenticator is replaced',
        () => custom({ name: 'other' }),
        any,
        RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
      ],
    ] as const)('a target that is being opened while %s is not opened', async (_, after, allowAfter, code) => {
      let answer: (() => void) | undefined;
      const authorize = () =>
        new Promise<{ allow: true }>((resolve) => {
          answer = () => resolve({ allow: true });
        });
      server = await testGatewayOrPair({ guard: custom({ authorize }), allow: any });
      const client = await RawClient.start(server, { transport, token: LIST_TOKEN, port: target.port });
      await eventually(() => answer !== undefined);
      reload({ after, allowAfter }, whenRevoked);
      answer?.();
      expect(await client.until('refused')).toMatchObject({ packetType: PKT_TYPE.CHANNEL_RESPONSE, code });
      await client.ended();
      expect(server.lines('channel.refused')).toHaveLength(1);
      expect(server.lines('channel.opened')).toEqual([]);
      await eventually(() => target.open === 0);
    });
  });

  it('a session does not end for a target that it has closed, and cannot open it again', async () => {
    server = await testGatewayOrPair({ guard: custom(), allow: any });
    const [client, other] = (await clientsOf(transport, 2)) as [RawClient, RawClient];
    client.closeChannel();
    await client.until('closed');
    reload({ after: custom, allowAfter: ['10.0.0.1'] }, 'end');
    await other.until('closed');
    expect(client.closed).toBe(false);
    client.createChannel();
    expect(await client.until('refused')).toMatchObject({ code: RESULT.E_PROXY_RAP_ACCESSDENIED });
    expect(server.lines('session.revoked')).toHaveLength(1);
    other.pipe.close();
  });
});

describe('a custom authenticator', () => {
  it('is asked to authorize with the former identity, and never to authenticate again', async () => {
    const calls: string[] = [];
    const present = (): Guard =>
      custom({
        authenticate: () => {
          calls.push('authenticate');
          return { allow: true, user: 'mallory' };
        },
        authorize: ({ user }, { host, address }) => {
          calls.push(`authorize ${user} ${host} ${address}`);
          return { allow: true };
        },
      });
    server = await testGatewayOrPair({ guard: custom(), allow: any });
    const [client] = (await clientsOf('websocket', 1)) as [RawClient];
    reload({ after: present, allow: any }, 'end');
    await eventually(() => calls.length === 1);
    await nextChannel(client);
    await client.until('opened', 1);
    expect(calls).toEqual(Array(2).fill('authorize alice 127.0.0.1 127.0.0.1'));
    client.pipe.close();
  });
});

describe('a session to a name', () => {
  it('is judged by the name and the address that is connected, without another lookup', async () => {
    const seen: string[] = [];
    const present = (): Guard =>
      custom({
        authorize: (_, { host, address }) => {
          seen.push(`${host} ${address}`);
          return { allow: true };
        },
      });
    server = await testGatewayOrPair({ guard: custom(), allow: ['localhost:*'] });
    const options = { transport: 'websocket', token: LIST_TOKEN, port: target.port, resources: ['localhost'] } as const;
    const client = await RawClient.open(server, options);
    reload({ after: present, allow: ['localhost:*'] }, 'end');
    await eventually(() => seen.length === 1);
    expect(seen).toEqual(['localhost 127.0.0.1']);
    await expectEcho(client);
    reload({ after: custom, allow: ['other.example:*'] }, 'end');
    expect(await client.until('closed')).toMatchObject({ code: 0x4d4 });
    client.pipe.close();
  });
});
