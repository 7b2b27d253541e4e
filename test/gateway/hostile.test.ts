import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL_CREATE, encodePaaCookie, TUNNEL_AUTH, TUNNEL_CREATE } from '../../src/protocol/index.js';
import { hostileBytes } from '../support/arbitrary.js';
import {
  openPipe,
  type Pipe,
  RawClient,
  rdgHead,
  readAnswer,
  request,
  type Server,
  TRANSPORTS,
  tcpOf,
  tlsSocket,
  upgradeHeaders,
} from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { echoTarget, type TestTarget, testTarget } from '../support/target.js';

/** Each run costs a TLS handshake or two. */
const RUNS = 60;
const crashes: unknown[] = [];
const crashed = (error: unknown): void => void crashes.push(error);

let server: TestGateway;
/** What attackers want to reach, and what the gateway is for. */
let prize: TestTarget;
let target: TestTarget;
beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', crashed);
  process.on('unhandledRejection', crashed);
  server = await testGateway({ timeouts: { close: 0.2, pairing: 5 } });
  prize = await testTarget();
  target = await echoTarget();
});
afterAll(async () => {
  await server.stop();
  await prize.stop();
  await target.stop();
  process.off('uncaughtExceptionMonitor', crashed);
  process.off('unhandledRejection', crashed);
});

afterEach(async () => {
  await server.idle();
  expect(crashes).toEqual([]);
  expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(prize.count).toBe(0);
  for (const transport of TRANSPORTS) {
    const client = await RawClient.open(server, {
      transport,
      token: await server.token(target.name),
      port: target.port,
    });
    client.send(Buffer.from('well'));
    expect((await client.gets(4)).toString()).toBe('well');
    client.pipe.close();
  }
  await server.idle();
});

/** Sends bytes and lets the gateway do with them what it likes, then leaves. */
async function throwAt(
  socket: Awaited<ReturnType<typeof tlsSocket>>,
  bytes: Uint8Array,
  rudely: boolean,
): Promise<void> {
  socket.resume();
  await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  if (rudely) tcpOf(socket).resetAndDestroy();
  else socket.end();
}

const assert = <Input>(arbitrary: fc.Arbitrary<Input>, check: (input: Input) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(arbitrary, check), { numRuns: RUNS });

describe('bytes of every kind', () => {
  it('in place of a request', async () => {
    const words = fc.constantFrom('RDG_OUT_DATA ', 'RDG_IN_DATA ', 'GET ', 'RPC_IN_DATA ', '/remoteDesktopGateway/');
    const more = fc.constantFrom(
      ' HTTP/1.1\r\n',
      'Host: x\r\n',
      'Upgrade: websocket\r\n',
      'Content-Length: 9\r\n',
      '\r\n',
    );
    const text = fc.array(fc.oneof(words, more, fc.string({ maxLength: 20 })), { maxLength: 12 });
    await assert(fc.tuple(text, fc.boolean()), async ([parts, rudely]) => {
      await throwAt(await tlsSocket(server), Buffer.from(parts.join(''), 'latin1'), rudely);
    });
  });

  it('in place of frames', async () => {
    await assert(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), async ([bytes, rudely]) => {
      const socket = await tlsSocket(server);
      const answer = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()));
      expect(answer.status).toBe(101);
      await throwAt(socket, bytes, rudely);
    });
  });

  it('on both channels of the dual transport', async () => {
    await assert(
      fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), fc.boolean()),
      async ([onOut, onIn, rudely]) => {
        const pipe = await openPipe(server, { transport: 'http' });
        await throwAt(pipe.up, onIn, rudely);
        await throwAt(pipe.sockets[0], onOut, rudely);
      },
    );
  });

  it.each(TRANSPORTS)('in place of PDUs over %s', async (transport) => {
    await assert(fc.array(hostileBytes, { maxLength: 6 }), async (pdus) => {
      const pipe = await openPipe(server, { transport });
      pipe.onBytes(() => undefined);
      for (const pdu of pdus) pipe.send(Buffer.from(pdu));
      for (const socket of pipe.sockets) socket.end();
    });
  });

  it.each(TRANSPORTS)('behind every honest step of the set-up over %s', async (transport) => {
    const token = await server.token(target.name);
    await assert(fc.tuple(fc.integer({ min: 1, max: 4 }), hostileBytes), async ([steps, bytes]) => {
      const pipe = await openPipe(server, { transport });
      const client = new RawClient(stepping(pipe, steps, Buffer.from(bytes)), { token, port: target.port });
      client.start();
      await client.when(() => client.closed || client.pieces.length >= steps).catch(() => undefined);
      client.pipe.close();
    });
  });
});

/** Says the first so many PDUs as they come, and something else with the last of them. */
function stepping(pipe: Pipe, steps: number, instead: Buffer): Pipe {
  let said = 0;
  return {
    ...pipe,
    send(pdu) {
      if (++said < steps) pipe.send(pdu);
      else if (said === steps) pipe.send(Buffer.concat([pdu, instead]));
    },
  };
}

describe('somebody without a token', () => {
  const steps = (port: number): Buffer[] => [
    TUNNEL_CREATE.encode({ capsFlags: 0x3f, paaCookie: undefined }),
    TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: encodePaaCookie('guess') }),
    TUNNEL_CREATE.encode({ capsFlags: 0, reauthTunnelContext: 1n, paaCookie: undefined }),
    TUNNEL_CREATE.encode({ capsFlags: 0, reauthTunnelContext: 0n, paaCookie: encodePaaCookie('guess') }),
    TUNNEL_AUTH.encode({ clientName: 'MALLORY' }),
    CHANNEL_CREATE.encode({ resources: ['127.0.0.1'], altResources: [], port, protocol: 3 }),
    Buffer.from('010000000e000000010000000000', 'hex'),
    Buffer.from('010000000e000000010000000200', 'hex'),
    Buffer.from('010000000e000000010000000400', 'hex'),
    Buffer.from('030000000e000000000000000000', 'hex'),
    Buffer.from('0a0000000c0000000200686f', 'hex'),
    Buffer.from('0d00000008000000', 'hex'),
    Buffer.from('100000000c00000000000000', 'hex'),
    Buffer.from('110000000c00000000000000', 'hex'),
    Buffer.from('020000001200000000000000010000000700', 'hex'),
    Buffer.from('050000001a00000000000000000003000000060000003f000000', 'hex'),
    Buffer.from('09000000140000000000000001000000 01000000'.replace(' ', ''), 'hex'),
  ];

  it.each(TRANSPORTS)('reaches nothing in any order of PDUs over %s', async (transport) => {
    const all = steps(prize.port);
    const order = fc.array(fc.nat(all.length - 1), { minLength: 1, maxLength: 14 });
    await assert(fc.tuple(order, fc.boolean()), async ([picks, together]) => {
      const pipe = await openPipe(server, { transport });
      pipe.onBytes(() => undefined);
      const pdus = picks.map((pick) => all[pick] as Buffer);
      if (together) pipe.send(Buffer.concat(pdus));
      else for (const pdu of pdus) pipe.send(pdu);
      for (const socket of pipe.sockets) socket.end();
    });
    expect(server.lines('user accepted').filter(({ user }) => user !== 'alice')).toEqual([]);
  });

  it.each(TRANSPORTS)('cannot keep the gateway reading with keep-alives over %s', async (transport) => {
    server.forget();
    const pipe = await openPipe(server, { transport });
    pipe.onBytes(() => undefined);
    // Valid at any time, also before a client has said who it is.
    for (let count = 0; count < 100; count++) pipe.send(Buffer.alloc(1000, Buffer.from('0d00000008000000', 'hex')));
    expect(await server.line('session ended')).toMatchObject({ cause: 'too much data' });
    pipe.close();
  });

  it("cannot put words into somebody's session through an IN channel of their own", async () => {
    const id = randomUUID();
    const token = await server.token(target.name);
    const victim = await RawClient.open(server, { transport: 'http', connectionId: id, token, port: target.port });
    for (const from of ['127.0.0.1', '127.0.0.2']) {
      const socket = await tlsSocket(server, from);
      socket.write(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
      socket.write('c\r\n\x0a\0\0\0\x0c\0\0\0\x02\0ho\r\n', 'latin1');
      expect((await readAnswer(socket)).status).toBe(409);
      socket.destroy();
    }
    victim.send(Buffer.from('mine'));
    expect((await victim.gets(4)).toString()).toBe('mine');
    expect(victim.receivedBytes).toBe(4);
    victim.pipe.close();
  });

  it('who was first on the IN channel of somebody else has no part in their identity', async () => {
    const id = randomUUID();
    const out = await tlsSocket(server);
    expect((await request(out, rdgHead('RDG_OUT_DATA', id))).status).toBe(200);
    // The same address, as behind one NAT: the attacker gets the pair, but not a step further without a token.
    const incoming = await tlsSocket(server);
    incoming.write(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
    const pdus = Buffer.concat(steps(prize.port).slice(4));
    incoming.write(`${pdus.length.toString(16)}\r\n`);
    incoming.write(pdus);
    const ended = await server.line('session ended', ({ connection }) => connection === id);
    expect(ended.user).toBeUndefined();
    out.destroy();
    incoming.destroy();
  });
});

describe('many at a time', () => {
  it('that leave in the middle of their handshakes', async () => {
    const to: Server = server;
    const all = Array.from({ length: 60 }, async (_, index) => {
      const socket = await tlsSocket(to);
      if (index % 3 === 0) socket.write('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHo');
      if (index % 3 === 1)
        socket.write(`${rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()).join('\r\n')}\r\n\r\n`);
      tcpOf(socket).resetAndDestroy();
    });
    await Promise.all(all);
  });
});
