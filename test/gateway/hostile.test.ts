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
  readResponse,
  request,
  type Server,
  TRANSPORTS,
  tcpOf,
  tlsSocket,
  upgradeHeaders,
} from '../support/client.js';
import { type TestGateway, testGateway } from '../support/gateway.js';
import { echoTarget, type TestTarget, testTarget } from '../support/target.js';

/** Each run needs one or two TLS handshakes. */
const RUNS = 60;
const crashes: unknown[] = [];
const onCrash = (error: unknown): void => void crashes.push(error);

let server: TestGateway;
/** A target that no client may reach. */
let forbidden: TestTarget;
let target: TestTarget;
beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', onCrash);
  process.on('unhandledRejection', onCrash);
  server = await testGateway({ timeouts: { close: 0.2, pairing: 5 } });
  forbidden = await testTarget();
  target = await echoTarget();
});
afterAll(async () => {
  await server.stop();
  await forbidden.stop();
  await target.stop();
  process.off('uncaughtExceptionMonitor', onCrash);
  process.off('unhandledRejection', onCrash);
});

afterEach(async () => {
  await server.idle();
  expect(crashes).toEqual([]);
  expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(forbidden.count).toBe(0);
  for (const transport of TRANSPORTS) {
    const client = await RawClient.open(server, {
      transport,
      token: await server.token(target.name),
      port: target.port,
    });
    client.send(Buffer.from('well'));
    expect((await client.waitForBytes(4)).toString()).toBe('well');
    client.pipe.close();
  }
  await server.idle();
});

/** Sends bytes, then ends or resets the connection. */
async function sendAndClose(
  socket: Awaited<ReturnType<typeof tlsSocket>>,
  bytes: Uint8Array,
  reset: boolean,
): Promise<void> {
  socket.resume();
  await new Promise<void>((resolve) => void socket.write(bytes, () => resolve()));
  if (reset) tcpOf(socket).resetAndDestroy();
  else socket.end();
}

const assert = <Input>(arbitrary: fc.Arbitrary<Input>, check: (input: Input) => Promise<void>): Promise<void> =>
  fc.assert(fc.asyncProperty(arbitrary, check), { numRuns: RUNS });

describe('arbitrary bytes', () => {
  it('in place of a request', async () => {
    const starts = fc.constantFrom('RDG_OUT_DATA ', 'RDG_IN_DATA ', 'GET ', 'RPC_IN_DATA ', '/remoteDesktopGateway/');
    const more = fc.constantFrom(
      ' HTTP/1.1\r\n',
      'Host: x\r\n',
      'Upgrade: websocket\r\n',
      'Content-Length: 9\r\n',
      '\r\n',
    );
    const text = fc.array(fc.oneof(starts, more, fc.string({ maxLength: 20 })), { maxLength: 12 });
    await assert(fc.tuple(text, fc.boolean()), async ([parts, reset]) => {
      await sendAndClose(await tlsSocket(server), Buffer.from(parts.join(''), 'latin1'), reset);
    });
  });

  it('in place of frames', async () => {
    await assert(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), async ([bytes, reset]) => {
      const socket = await tlsSocket(server);
      const answer = await request(socket, rdgHead('RDG_OUT_DATA', randomUUID(), upgradeHeaders()));
      expect(answer.status).toBe(101);
      await sendAndClose(socket, bytes, reset);
    });
  });

  it('on both channels of the dual transport', async () => {
    await assert(
      fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), fc.boolean()),
      async ([onOut, onIn, reset]) => {
        const pipe = await openPipe(server, { transport: 'http' });
        await sendAndClose(pipe.up, onIn, reset);
        await sendAndClose(pipe.sockets[0], onOut, reset);
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

  it.each(TRANSPORTS)('after every valid step of the set-up over %s', async (transport) => {
    const token = await server.token(target.name);
    await assert(fc.tuple(fc.integer({ min: 1, max: 4 }), hostileBytes), async ([steps, bytes]) => {
      const pipe = await openPipe(server, { transport });
      const client = new RawClient(replaceAfter(pipe, steps, Buffer.from(bytes)), { token, port: target.port });
      client.start();
      await client.when(() => client.closed || client.pieces.length >= steps).catch(() => undefined);
      client.pipe.close();
    });
  });
});

/** Sends the first `steps` PDUs unchanged and `bytes` with the last of them; later PDUs are not sent. */
function replaceAfter(pipe: Pipe, steps: number, bytes: Buffer): Pipe {
  let sent = 0;
  return {
    ...pipe,
    send(pdu) {
      if (++sent < steps) pipe.send(pdu);
      else if (sent === steps) pipe.send(Buffer.concat([pdu, bytes]));
    },
  };
}

describe('a client without a token', () => {
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
    const all = steps(forbidden.port);
    const order = fc.array(fc.nat(all.length - 1), { minLength: 1, maxLength: 14 });
    await assert(fc.tuple(order, fc.boolean()), async ([picks, together]) => {
      const pipe = await openPipe(server, { transport });
      pipe.onBytes(() => undefined);
      const pdus = picks.map((pick) => all[pick] as Buffer);
      if (together) pipe.send(Buffer.concat(pdus));
      else for (const pdu of pdus) pipe.send(pdu);
      for (const socket of pipe.sockets) socket.end();
    });
    expect(server.lines('authentication.succeeded').filter(({ user }) => user !== 'alice')).toEqual([]);
  });

  it.each(TRANSPORTS)('cannot keep the gateway reading with keep-alives over %s', async (transport) => {
    server.clearLog();
    const pipe = await openPipe(server, { transport });
    pipe.onBytes(() => undefined);
    // Keep-alives are valid at any time, also before the authentication.
    for (let count = 0; count < 100; count++) pipe.send(Buffer.alloc(1000, Buffer.from('0d00000008000000', 'hex')));
    expect(await server.line('session.ended')).toMatchObject({ cause: 'too much data' });
    pipe.close();
  });

  it("cannot send into another client's session through an IN channel of its own", async () => {
    const id = randomUUID();
    const token = await server.token(target.name);
    const victim = await RawClient.open(server, { transport: 'http', connectionId: id, token, port: target.port });
    for (const from of ['127.0.0.1', '127.0.0.2']) {
      const socket = await tlsSocket(server, from);
      socket.write(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
      socket.write('c\r\n\x0a\0\0\0\x0c\0\0\0\x02\0ho\r\n', 'latin1');
      expect((await readResponse(socket)).status).toBe(409);
      socket.destroy();
    }
    victim.send(Buffer.from('mine'));
    expect((await victim.waitForBytes(4)).toString()).toBe('mine');
    expect(victim.receivedBytes).toBe(4);
    victim.pipe.close();
  });

  it('does not get the identity of another client by claiming its OUT channel first', async () => {
    const id = randomUUID();
    const out = await tlsSocket(server);
    expect((await request(out, rdgHead('RDG_OUT_DATA', id))).status).toBe(200);
    // The same address, as behind one NAT: the attacker's IN channel is paired, but gets no further without a token.
    const inSocket = await tlsSocket(server);
    inSocket.write(`${rdgHead('RDG_IN_DATA', id, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
    const pdus = Buffer.concat(steps(forbidden.port).slice(4));
    inSocket.write(`${pdus.length.toString(16)}\r\n`);
    inSocket.write(pdus);
    const ended = await server.line('session.ended', ({ connection }) => connection === id);
    expect(ended.user).toBeUndefined();
    out.destroy();
    inSocket.destroy();
  });
});

describe('many connections at a time', () => {
  it('that reset during their handshakes', async () => {
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
