import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Receiver, Sender as WsSender } from 'ws';
import { MAX_SEEK_BYTES } from '../../../src/capture/conversation/resync.js';
import type { Sender } from '../../../src/capture/types.js';
import { MAX_PREVIEW, WebSocketReader } from '../../../src/capture/websocket/websocket.js';
import { DATA, KEEPALIVE } from '../../../src/protocol/index.js';
import { httpRecorder, PLACE, type Recorder } from '../http/recorder.js';
import { STREAMS, stream } from '../http/vectors.js';

type Piece = Buffer | { readonly gap: number | undefined };

function read(from: Sender, pieces: readonly Piece[], cuts: readonly number[] = []): Recorder {
  const recorder = httpRecorder();
  const reader = new WebSocketReader(from, recorder.sink);
  let turn = 0;
  for (const piece of pieces) {
    if (!Buffer.isBuffer(piece)) {
      reader.gap(piece.gap, PLACE);
      continue;
    }
    for (let at = 0; at < piece.length; ) {
      const length = cuts.length === 0 ? piece.length : (cuts[turn++ % cuts.length] as number);
      reader.push(Buffer.from(piece.subarray(at, at + length)), PLACE);
      at += length;
    }
  }
  reader.end(PLACE);
  return recorder;
}

describe('the examples of RFC 6455 5.7', () => {
  it('text, unmasked and masked', () => {
    const hello = Buffer.from('Hello').toString('hex');
    const unmasked = read('server', [hex('810548656c6c6f')]);
    expect(unmasked.of('frame')).toEqual([['frame', expect.objectContaining({ name: 'text', payload: hello })]]);
    expect(unmasked.codes()).toEqual(['WS_TEXT']);
    const masked = read('client', [hex('818537fa213d7f9f4d5158')]);
    expect(masked.of('frame')[0]?.[1]).toMatchObject({ masked: true, length: 5, payload: hello });
  });

  it('fragments of a text message are not tunnel bytes', () => {
    const result = read('server', [hex('010348656c80026c6f')]);
    expect(result.of('frame').map((event) => (event[1] as { payload: string }).payload)).toEqual(['48656c', '6c6f']);
    expect(result.of('tunnel')).toEqual([]);
  });

  it('ping and its masked pong', () => {
    expect(read('server', [hex('890548656c6c6f')]).of('frame')[0]?.[1]).toMatchObject({ name: 'ping', length: 5 });
    expect(read('client', [hex('8a8537fa213d7f9f4d5158')]).of('frame')[0]?.[1]).toMatchObject({
      name: 'pong',
      payload: '48656c6c6f',
    });
  });

  it('256 bytes and 64 KiB in one frame', () => {
    for (const [header, length] of [
      ['827e0100', 256],
      ['827f0000000000010000', 65536],
    ] as const) {
      const payload = Buffer.alloc(length, 'abc');
      expect(
        read('server', [hex(header), payload])
          .all('tunnel', 'server')
          .equals(payload),
      ).toBe(true);
    }
  });
});

describe('real clients', () => {
  it.each(STREAMS.filter(({ id }) => id.includes('-ws-')).map(({ id }) => id))('%s', (id) => {
    const { wire, pdus } = stream(id);
    const from = id.endsWith('client') ? 'client' : 'server';
    for (const cuts of [[], [1], [3, 1, 17]]) {
      const result = read(from, [wire], cuts);
      expect(result.all('tunnel', from).equals(pdus)).toBe(true);
      expect(result.events).toHaveLength(1);
    }
  });
});

describe('unusual frames', () => {
  it('a close frame is emitted with its status code', () => {
    const result = read('server', [hex('880403e8'), Buffer.from('ok')]);
    expect(result.of('frame')[0]?.[1]).toMatchObject({ name: 'close', closeCode: 1000 });
    expect(read('server', [hex('8800')]).of('frame')[0]?.[1]).not.toHaveProperty('closeCode');
  });

  it('frames after a close frame are read', () => {
    const result = read('server', [hex('8800'), frame(pdu(4))]);
    expect(result.all('tunnel', 'server').equals(pdu(4))).toBe(true);
    expect(result.codes()).toEqual(['WS_AFTER_CLOSE']);
  });

  it('wrong masking is noted once', () => {
    const key = hex('01020304');
    expect(read('server', [frame(pdu(4), key), frame(pdu(5), key)]).codes()).toEqual(['WS_MASK']);
    const result = read('client', [frame(pdu(9))]);
    expect(result.codes()).toEqual(['WS_MASK']);
    expect(result.all('tunnel', 'client').equals(pdu(9))).toBe(true);
  });

  it('frames after an oversized pong, as FreeRDP 3 sends it, are read', () => {
    const pong = Buffer.concat([hex('8afe0400'), hex('01020304'), Buffer.alloc(1024, 7)]);
    const result = read('client', [pong, frame(pdu(3), hex('09080706'))]);
    expect(result.codes()).toEqual(['WS_CONTROL_LONG']);
    expect(result.of('frame')[0]?.[1]).toMatchObject({
      length: 1024,
      payload: expect.stringMatching(new RegExp(`^[0-9a-f]{${2 * MAX_PREVIEW}}$`)),
    });
    expect(result.all('tunnel', 'client').equals(pdu(3))).toBe(true);
  });

  it('a fragmented PDU with a ping between the fragments is joined', () => {
    const whole = pdu(100);
    const result = read('server', [
      Buffer.concat([hex('020a'), whole.subarray(0, 10)]),
      hex('8900'),
      Buffer.concat([Buffer.from([0x80, 100]), whole.subarray(10)]),
    ]);
    expect(result.all('tunnel', 'server').equals(whole)).toBe(true);
    expect(result.codes()).toEqual(['WS_FRAGMENTS']);
  });

  it('bytes that are not a frame are skipped', () => {
    for (const odd of ['c205', '8305', '827fffffffffffffffff', '827f0000010000000000']) {
      const result = read('server', [hex(odd), Buffer.from('some bytes'), frame(pdu(50))]);
      expect(result.codes()).toEqual(['WS_FRAME_ODD', 'WS_FOUND']);
      expect(result.of('gap')).toEqual([['gap', 'server', undefined, 'unreadable']]);
      expect(result.all('tunnel', 'server').equals(pdu(50))).toBe(true);
    }
  });

  it('an end within a frame is noted', () => {
    expect(read('server', [frame(pdu(50)).subarray(0, 20)]).codes()).toEqual(['WS_CUT']);
    expect(read('server', [hex('82')]).codes()).toEqual(['WS_CUT']);
  });
});

describe('gaps', () => {
  const key = hex('a1b2c3d4');

  it('within a payload lose only the missing bytes', () => {
    const bytes = frame(pdu(1000), key);
    const result = read('client', [bytes.subarray(0, 107), { gap: 333 }, bytes.subarray(440), frame(pdu(20), key)]);
    const plain = pdu(1000);
    expect(result.events).toEqual([
      ['tunnel', 'client', plain.subarray(0, 99).toString('hex')],
      ['gap', 'client', 333, 'missing'],
      ['tunnel', 'client', plain.subarray(432).toString('hex') + pdu(20).toString('hex')],
    ]);
  });

  it.each([
    ['known', 2000],
    ['unknown', undefined],
  ] as const)('over headers, of %s length: the next frame is found', (_, gap) => {
    const bytes = frame(pdu(1000), key);
    const pieces = [bytes.subarray(0, 100), { gap }, bytes.subarray(500), frame(pdu(20), key), frame(pdu(7), key)];
    for (const cuts of [[], [1], [2, 5]]) {
      const result = read('client', pieces, cuts);
      expect(result.codes()).toEqual(['WS_LOST', 'WS_FOUND']);
      expect(result.of('gap')).toEqual([['gap', 'client', undefined, 'missing']]);
      expect(result.events.at(-1)).toEqual(['tunnel', 'client', Buffer.concat([pdu(20), pdu(7)]).toString('hex')]);
    }
  });

  it('end at a frame with a keep-alive', () => {
    const result = read('server', [{ gap: undefined }, Buffer.alloc(30, 0x82), frame(KEEPALIVE.encode({}))]);
    expect(result.all('tunnel', 'server').equals(KEEPALIVE.encode({}))).toBe(true);
  });

  it('give the direction up after too many bytes without a frame', () => {
    const result = read('server', [{ gap: 5 }, Buffer.alloc(MAX_SEEK_BYTES + 1, 0x82), frame(pdu(4))]);
    expect(result.codes()).toEqual(['WS_LOST', 'WS_GIVEN_UP']);
    expect(result.of('tunnel')).toEqual([]);
  });
});

describe('properties', () => {
  const message = fc.record({
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    kind: fc.constantFrom('binary', 'binary', 'part', 'ping', 'pong') as fc.Arbitrary<
      'binary' | 'part' | 'ping' | 'pong'
    >,
  });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

  it('frames from the sender of ws are read as its receiver reads them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), fc.boolean(), cuts, async (messages, masked, sizes) => {
        const from = masked ? 'client' : 'server';
        const wire = sendAll(messages, masked);
        const result = read(from, [wire], sizes);
        expect(result.all('tunnel', from).equals(await receiveAll(wire, masked))).toBe(true);
        const controls = messages.filter(({ kind }) => kind === 'ping' || kind === 'pong');
        expect(result.of('frame').map((event) => (event[1] as { payload: string }).payload)).toEqual(
          controls.map(({ data }) => data.subarray(0, 125).toString('hex')),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('any split of any bytes gives the same events', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(fc.nat(2000), fc.nat(255), fc.nat(400)).map(([at, byte, cut]) => {
        const bytes = Buffer.from(stream('fr3-ext-ws-client').wire);
        bytes[at % bytes.length] = byte;
        return bytes.subarray(0, bytes.length - cut);
      }),
      fc.option(fc.nat(300), { nil: undefined }).map((gap) => ({ gap })),
    );
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 4 }), cuts, (pieces, sizes) => {
        expect(read('client', pieces, sizes).events).toEqual(read('client', pieces).events);
      }),
      { numRuns: 150 },
    );
  });
});

function sendAll(
  messages: readonly { data: Buffer; kind: 'binary' | 'part' | 'ping' | 'pong' }[],
  mask: boolean,
): Buffer {
  const sent: Buffer[] = [];
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(Buffer.from(chunk));
      done();
    },
  });
  const sender = new WsSender(socket);
  for (const { data, kind } of messages) {
    if (kind === 'ping') sender.ping(data.subarray(0, 125), mask);
    else if (kind === 'pong') sender.pong(data.subarray(0, 125), mask);
    else sender.send(Buffer.from(data), { binary: true, compress: false, fin: kind === 'binary', mask });
  }
  if (messages.some(({ kind }) => kind === 'part')) {
    sender.send(Buffer.from('end'), { binary: true, compress: false, fin: true, mask });
  }
  return Buffer.concat(sent);
}

function receiveAll(wire: Buffer, isServer: boolean): Promise<Buffer> {
  const receiver = new Receiver({ isServer, allowSynchronousEvents: true });
  const got: Buffer[] = [];
  receiver.on('message', (data) => got.push(data));
  return new Promise((resolve, reject) => {
    receiver.on('error', reject);
    receiver.on('finish', () => resolve(Buffer.concat(got)));
    receiver.end(wire);
  });
}

/** A DATA PDU with a payload of `length` bytes. */
function pdu(length: number): Buffer {
  return DATA.encode({ data: Buffer.from(Array.from({ length }, (_, index) => (index * 7 + length) & 255)) });
}

function frame(payload: Buffer, key?: Buffer): Buffer {
  const { length } = payload;
  const size = length < 126 ? [length] : [126, length >> 8, length & 255];
  if (!key) return Buffer.concat([Buffer.from([0x82, ...size]), payload]);
  size[0] = (size[0] as number) | 0x80;
  return Buffer.concat([Buffer.from([0x82, ...size]), key, payload.map((byte, at) => byte ^ (key[at & 3] as number))]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
