import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuard } from '../../src/policy/guard.js';
import {
  CHANNEL_CREATE,
  decode,
  EXTENDED_AUTH_MSG,
  HANDSHAKE_REQUEST,
  KEEPALIVE,
  PKT_TYPE,
  RESULT,
  TUNNEL_AUTH,
  TUNNEL_CREATE,
} from '../../src/protocol/index.js';
import {
  openPipe,
  RawClient,
  type RawClientOptions,
  rdgHead,
  remainder,
  request,
  TRANSPORTS,
  tlsSocket,
} from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { closedPort, type TestTarget, testTarget } from '../support/target.js';
import { eventually } from '../support/wait.js';

const { HANDSHAKE_RESPONSE, TUNNEL_RESPONSE, CHANNEL_RESPONSE } = PKT_TYPE;
const {
  E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
  E_PROXY_COOKIE_BADPACKET,
  E_PROXY_RAP_ACCESSDENIED,
  E_PROXY_TS_CONNECTFAILED,
  E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
} = RESULT;
const cookie = (token: string): Buffer => Buffer.from(`${token}\0`, 'utf16le');
const createChannel = (name: string, port: number): Buffer =>
  CHANNEL_CREATE.encode({ resources: [name], altResources: [], port, protocol: 3 });

let server: TestGateway;
let target: TestTarget;
let closed: number;
beforeAll(async () => {
  server = await testGateway({ allow: ['127.0.0.9:1'], timeouts: { close: 0.3 } });
  target = await testTarget();
  closed = await closedPort();
});
afterAll(async () => {
  await server.stop();
  await target.stop();
});

interface Case {
  readonly why: string;
  readonly clientOptions: () => Promise<Omit<RawClientOptions, 'transport'>>;
  readonly packetType: number;
  readonly code: number;
  /** Expected in the log. */
  readonly reason: RegExp;
}

const tokenFor = async (name: string): Promise<string> => server.token(name);

const CASES: readonly Case[] = [
  {
    why: 'no token at all',
    clientOptions: async () => ({}),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
    reason: /no access token/,
  },
  {
    why: 'PAA announced and no token',
    clientOptions: async () => ({ extendedAuth: 2 }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_BADPACKET,
    reason: /no access token/,
  },
  {
    why: 'an empty token',
    clientOptions: async () => ({ token: '' }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_BADPACKET,
    reason: /empty/,
  },
  {
    why: 'an invalid token',
    clientOptions: async () => ({ token: 'open sesame' }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /./,
  },
  {
    why: 'a token with another signature',
    clientOptions: async () => ({ token: tampered(await tokenFor(target.name)) }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /./,
  },
  {
    why: 'a token without a signature (alg none)',
    clientOptions: async () => ({ token: unsigned(await tokenFor(target.name)) }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /./,
  },
  {
    why: 'an expired token',
    clientOptions: async () => ({ token: await server.token(target.name, { expiresAt: new Date(Date.now() - 5000) }) }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /expired/,
  },
  {
    why: 'a token for another gateway',
    clientOptions: async () => ({ token: await server.token(target.name, { audience: 'gw.elsewhere.example' }) }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /audience/,
  },
  {
    why: 'a token of 60,000 characters',
    clientOptions: async () => ({ token: 'x'.repeat(30_000) }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
    reason: /./,
  },
  {
    why: 'another target than that of the token',
    clientOptions: async () => ({ token: await tokenFor('127.0.0.1:1'), port: target.port }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /may open/,
  },
  {
    why: 'the target of the token at another port',
    clientOptions: async () => ({ token: await tokenFor(target.name), port: closed }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /may open/,
  },
  {
    why: "the token's target in another notation that is another name",
    clientOptions: async () => ({ token: await tokenFor(target.name), port: target.port, resources: ['2130706433'] }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /./,
  },
  {
    why: 'a name with a line break and a NUL',
    clientOptions: async () => ({
      token: await tokenFor(target.name),
      port: target.port,
      resources: ['127.0.0.1\r\n\u202e'],
    }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /./,
  },
  {
    why: 'port 0',
    clientOptions: async () => ({ token: await tokenFor(target.name), port: 0 }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_TS_CONNECTFAILED,
    reason: /asked for port 0/,
  },
  {
    why: 'a target that refuses the connection',
    clientOptions: async () => ({ token: await tokenFor(`127.0.0.1:${closed}`), port: closed }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_TS_CONNECTFAILED,
    reason: /ECONNREFUSED/,
  },
  {
    why: 'a name of the token that does not resolve',
    clientOptions: async () => ({
      token: await tokenFor(`no-such-host.invalid:${target.port}`),
      port: target.port,
      resources: ['no-such-host.invalid'],
    }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_TS_CONNECTFAILED,
    reason: /does not resolve/,
  },
  {
    why: 'a name that no rule allows, whether it resolves or not',
    clientOptions: async () => ({
      token: await server.foreignToken(undefined),
      port: target.port,
      resources: ['no-such-host.invalid', 'localhost'],
    }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /no rule/,
  },
  {
    why: "loopback named by a foreign issuer's token, without a rule for it",
    clientOptions: async () => ({ token: await server.foreignToken(target.name), port: target.port }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /loopback/,
  },
  {
    why: 'a name for loopback in the token of a foreign issuer',
    clientOptions: async () => ({
      token: await server.foreignToken(`localhost:${target.port}`),
      port: target.port,
      resources: ['localhost'],
    }),
    packetType: CHANNEL_RESPONSE,
    code: E_PROXY_RAP_ACCESSDENIED,
    reason: /loopback/,
  },
  {
    why: 'SSPI_NTLM in the handshake',
    clientOptions: async () => ({ extendedAuth: 4, headers: ['RDG-Auth-Scheme: SSPI_NTLM'] }),
    packetType: HANDSHAKE_RESPONSE,
    code: E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
    reason: /SSPI_NTLM/,
  },
  {
    why: 'SSPI_NTLM on the transport and nothing in the tunnel',
    clientOptions: async () => ({ extendedAuth: 0, headers: ['RDG-Auth-Scheme: SSPI_NTLM'] }),
    packetType: TUNNEL_RESPONSE,
    code: E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD,
    reason: /no access token/,
  },
];

let peers = 0;
function nextPeer(): string {
  peers += 1;
  return `127.0.1.${peers}`;
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  it.each(CASES)(
    '$why is refused, and a client that continues gets no answer',
    async ({ clientOptions, packetType, code, reason }) => {
      const id = randomUUID();
      const options = await clientOptions();
      // Another peer for each refusal, because the log limits the lines about one.
      const to = { port: server.port, ca: server.ca, from: nextPeer() };
      const client = await RawClient.start(to, { transport, port: target.port, ...options, connectionId: id });
      expect(await client.until('refused')).toMatchObject({ packetType, code });
      const answers = client.pieces.length;
      // Continues like the clients of PyRDGW after a refused token.
      client.pipe.send(TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: cookie(await tokenFor(target.name)) }));
      client.pipe.send(TUNNEL_AUTH.encode({ clientName: 'STUBBORN' }));
      client.pipe.send(createChannel('127.0.0.1', target.port));
      client.pipe.send(Buffer.from('0a0000000c0000000200686f', 'hex'));
      await client.ended();
      expect(client.pieces).toHaveLength(answers);
      await server.idle();

      const lines = server.log.filter(({ connection }) => connection === id);
      expect(lines.filter(({ event }) => event === 'session.ended')).toHaveLength(1);
      const warnings = lines.filter(({ level }) => level === 'warn');
      expect(warnings).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason), peer: to.from })]);
      if (options.token) expect(JSON.stringify(server.log).includes(options.token)).toBe(false);
      expect(target.count).toBe(0);
    },
  );

  /** Sends all PDUs at once, without waiting for answers. */
  const pipelined = async (
    ...pdus: readonly Buffer[]
  ): Promise<{ types: number[]; last: ReturnType<typeof decode> }> => {
    const pipe = await openPipe(server, { transport });
    const client = new RawClient(pipe, {});
    const got: Buffer[] = [];
    pipe.onBytes((bytes) => got.push(bytes));
    for (const socket of pipe.sockets) socket.on('end', () => client.effects.push());
    pipe.send(Buffer.concat(pdus));
    await client.ended();
    const all = Buffer.concat(got);
    const answers: ReturnType<typeof decode>[] = [];
    for (let at = 0; at < all.length; at += all.readUInt32LE(at + 4)) {
      answers.push(decode(all.subarray(at, at + all.readUInt32LE(at + 4))));
    }
    return { types: answers.map(({ type }) => type), last: answers.at(-1) as ReturnType<typeof decode> };
  };
  const handshake = HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 2 });
  const data = Buffer.from('0a0000000c0000000200686f', 'hex');

  it('a refused token is final for requests that were sent with it', async () => {
    const { types, last } = await pipelined(
      handshake,
      TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: cookie('wrong') }),
      TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: cookie(await tokenFor(target.name)) }),
      TUNNEL_AUTH.encode({ clientName: 'EAGER' }),
      createChannel('127.0.0.1', target.port),
      data,
    );
    expect(types).toEqual([HANDSHAKE_RESPONSE, TUNNEL_RESPONSE]);
    expect(last.fields).toMatchObject({ statusCode: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED });
    expect(target.count).toBe(0);
  });

  const TOKEN = /^open an \.rdp file with a token/;
  const OTHER = /^use another client, or look at its requests with rdgw decode$/;
  const good = async () => TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: cookie(await tokenFor(target.name)) });
  it.each<[string, string, RegExp, () => Promise<readonly Buffer[]>]>([
    [
      'the version of its handshake',
      'E_PROXY_NOTSUPPORTED (0x800759E8)',
      OTHER,
      async () => [HANDSHAKE_REQUEST.encode({ verMajor: 2, verMinor: 0, clientVersion: 0, extendedAuth: 2 })],
    ],
    [
      'a logon with NTLM',
      'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD (0x800759F9)',
      TOKEN,
      async () => [HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth: 4 })],
    ],
    [
      'a logon in messages',
      'E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD (0x800759F9)',
      TOKEN,
      async () => [handshake, EXTENDED_AUTH_MSG.encode({ errorCode: 0, authBlob: Buffer.from('NTLMSSP') })],
    ],
    [
      'no token',
      'E_PROXY_COOKIE_BADPACKET (0x800759F7)',
      TOKEN,
      async () => [handshake, TUNNEL_CREATE.encode({ capsFlags: 0 })],
    ],
    [
      'a handshake cut short',
      'E_PROXY_INTERNALERROR (0x800759D8)',
      OTHER,
      async () => [Buffer.from('010000000a0000000100', 'hex')],
    ],
    [
      'TUNNEL_CREATE cut short',
      'E_PROXY_COOKIE_BADPACKET (0x800759F7)',
      TOKEN,
      async () => [handshake, Buffer.from('04000000140000000d0000000100000010004100', 'hex')],
    ],
    [
      'CHANNEL_CREATE cut short',
      'E_PROXY_INTERNALERROR (0x800759D8)',
      OTHER,
      async () => [
        handshake,
        await good(),
        TUNNEL_AUTH.encode({ clientName: 'X' }),
        Buffer.from('080000000e00000000003d0d0300', 'hex'),
      ],
    ],
    [
      'a channel that is not RDP',
      'E_PROXY_NOTSUPPORTED (0x800759E8)',
      OTHER,
      async () => [
        handshake,
        await good(),
        TUNNEL_AUTH.encode({ clientName: 'X' }),
        CHANNEL_CREATE.encode({ resources: ['a'], altResources: [], port: 3389, protocol: 4 }),
      ],
    ],
  ])('a client refused for %s has one warning, with the code and what to do', async (_, code, cure, pdus) => {
    const peer = nextPeer();
    const pipe = await openPipe({ port: server.port, ca: server.ca, from: peer }, { transport });
    const client = new RawClient(pipe, {});
    pipe.onBytes(() => undefined);
    pipe.send(Buffer.concat(await pdus()));
    await client.ended();
    await server.idle();
    const lines = server.log.filter((line) => line.peer === peer);
    const [end] = lines.filter(({ event }) => event === 'session.ended');
    expect(end).toMatchObject({ cause: 'refused', code });
    const warnings = lines.filter(({ level }) => level !== 'info' && level !== 'debug');
    const line = {
      event: 'session.refused',
      level: 'warn',
      code,
      reason: end?.detail,
      hint: expect.stringMatching(cure),
    };
    expect(warnings).toEqual([expect.objectContaining(line)]);
    expect(target.count).toBe(0);
  });

  it.each([
    ['TUNNEL_AUTH', [TUNNEL_AUTH.encode({ clientName: 'X' })]],
    ['CHANNEL_CREATE', [createChannel('127.0.0.1', 3389)]],
    ['DATA', [data]],
    ['KEEPALIVE, then CHANNEL_CREATE', [KEEPALIVE.encode({}), createChannel('127.0.0.1', 3389)]],
    ['a second HANDSHAKE_REQUEST', [handshake]],
    ['an unknown PDU', [Buffer.from('0e00000008000000', 'hex')]],
    ['a PDU of length 7', [Buffer.from('0100000007000000', 'hex')]],
    ['a PDU of 4 GiB', [Buffer.from('04000000ffffffff', 'hex')]],
    ['random bytes', [randomBytes(1000)]],
  ])('%s after the handshake ends the session', async (_, pdus) => {
    const { types } = await pipelined(handshake, ...pdus);
    expect(types).toEqual([HANDSHAKE_RESPONSE]);
    expect(target.count).toBe(0);
  });

  it('a second channel is checked like the first', async () => {
    const other = await testTarget();
    const own = await testTarget();
    const token = await tokenFor(own.name);
    const client = await RawClient.open(server, { transport, token, port: own.port });
    client.closeChannel();
    await client.until('closed');
    client.pieces.length = 0;
    client.pipe.send(createChannel('127.0.0.1', other.port));
    // The strict client session has not requested this channel, so the answer is an error for it.
    await expect(client.ended()).rejects.toThrow(/CHANNEL_RESPONSE/);
    expect(decode(client.pieces[0] as Buffer)).toMatchObject({
      type: CHANNEL_RESPONSE,
      fields: { errorCode: E_PROXY_RAP_ACCESSDENIED },
    });
    expect(other.count).toBe(0);
    await other.stop();
    await own.stop();
  });

  it('a second CHANNEL_CREATE during an open channel ends the session', async () => {
    const own = await testTarget();
    const client = await RawClient.open(server, { transport, token: await tokenFor(own.name), port: own.port });
    client.pipe.send(createChannel('127.0.0.1', own.port));
    await client.ended();
    expect(own.count).toBe(1);
    await own.stop();
  });

  it('an authenticator that throws, hangs or returns an invalid result admits no client', async () => {
    for (const authenticate of [
      () => {
        throw new Error('database down');
      },
      () => new Promise<never>(() => undefined),
      () => ({ allow: 'yes', user: 'mallory' }) as never,
    ]) {
      const guard = createGuard({ authenticator: { name: 'custom', authenticate }, deadline: 50 });
      const other = await testGateway({ allow: ['127.0.0.1:*'], guard });
      const client = await RawClient.start(other, { transport, token: 'anything', port: target.port });
      expect(await client.until('refused')).toMatchObject({ code: E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED });
      await client.ended();
      await other.stop();
    }
    expect(target.count).toBe(0);
  });
});

describe('at the HTTP level', () => {
  it.each(['NTLM TlRMTVNTUAABAAAA', 'Negotiate YII', 'Basic dTpw', 'Bearer abc', 'Digest username="x"'])(
    'Authorization: %s is answered with 401',
    async (value) => {
      for (const method of ['RDG_OUT_DATA', 'RDG_IN_DATA']) {
        const socket = await tlsSocket(server);
        const head = rdgHead(method, randomUUID(), [`Authorization: ${value}`]);
        const answer = await request(socket, head);
        expect(answer.status).toBe(401);
        expect(answer.head).toContain('\r\nWWW-Authenticate: PAA');
        expect(await remainder(socket)).toHaveLength(0);
      }
    },
  );

  it('a token in the wrong place does not get into the log', async () => {
    const token = await tokenFor(target.name);
    for (const line of [`Authorization: ${token}`, `RDG-Auth-Scheme: ${token}`, `Authorization: ${token} x`]) {
      const socket = await tlsSocket(server);
      const id = randomUUID();
      expect((await request(socket, rdgHead('RDG_OUT_DATA', id, [line]))).status).toBe(401);
      await eventually(() => server.log.some(({ status, connection }) => status === 401 && connection === id));
      socket.destroy();
    }
    const log = JSON.stringify(server.log).toLowerCase();
    expect(log.includes(token.toLowerCase())).toBe(false);
    expect(log.includes(token.slice(-20).toLowerCase())).toBe(false);
  });
});

/** Changes the last character but one, all of whose bits belong to the signature. */
function tampered(token: string): string {
  const at = token.length - 2;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}

function unsigned(token: string): string {
  const header = Buffer.from('{"alg":"none"}').toString('base64url');
  return `${header}.${token.split('.')[1]}.`;
}
