import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Receiver } from 'ws';
import { CLOSE, FRAME_HEAD_MAX, FrameError, FrameReader, writeFrameHead } from '../../src/websocket/frames.js';
import { split } from '../gateway/http/samples.js';

/** The result of reading a stream. If an error truncates a message, only `FrameReader` reports its beginning. */
interface Reading {
  readonly bytes: Buffer;
  readonly pings: readonly string[];
  /** The close code that the peer sent, or the one for its protocol violation. Undefined without either. */
  readonly close: number | undefined;
  readonly failed: boolean;
}

function readFrames(chunks: readonly Buffer[]): Reading {
  const bytes: Buffer[] = [];
  const pings: string[] = [];
  let close: number | undefined;
  const reader = new FrameReader({
    bytes: (view) => bytes.push(Buffer.from(view)),
    ping: (payload) => pings.push(payload.toString('hex')),
    close: (code) => {
      close = code ?? NO_STATUS;
    },
  });
  const reading = (failed: boolean): Reading => ({ bytes: Buffer.concat(bytes), pings, close, failed });
  try {
    // The reader takes over the chunk, so it gets a copy.
    for (const chunk of chunks) reader.read(Buffer.from(chunk));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    close = error.code;
    return reading(true);
  }
  return reading(false);
}

/** The code that ws reports for a close frame without a code. */
const NO_STATUS = 1005;

/** Reads the stream with the receiver of ws, as the reference implementation. */
async function readWithWs(chunks: readonly Buffer[]): Promise<Reading> {
  const bytes: Buffer[] = [];
  const pings: string[] = [];
  let close: number | undefined;
  let failed = false;
  const receiver = new Receiver({ isServer: true, allowSynchronousEvents: true, skipUTF8Validation: true });
  receiver.on('message', (data) => bytes.push(data));
  receiver.on('ping', (payload) => pings.push(payload.toString('hex')));
  receiver.on('conclude', (code) => {
    close ??= code;
  });
  receiver.on('error', (error) => {
    failed = true;
    // ws stores the close code under a private symbol.
    const [symbol] = Object.getOwnPropertySymbols(error);
    close ??= symbol && Reflect.get(error, symbol);
  });
  for (const chunk of chunks) {
    if (close !== undefined) break;
    await new Promise<void>((resolve) => receiver.write(Buffer.from(chunk), () => resolve()));
  }
  return { bytes: Buffer.concat(bytes), pings, close, failed };
}

interface FrameSpec {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly mask: Uint8Array;
  readonly masked: boolean;
  readonly reserved: number;
}

function encode({ fin, opcode, payload, mask, masked, reserved }: FrameSpec): Buffer {
  const flag = masked ? 0x80 : 0;
  const size = payload.length;
  const head =
    size < 126
      ? Buffer.from([0, flag | size])
      : size <= 0xffff
        ? Buffer.from([0, flag | 126, size >> 8, size & 255])
        : Buffer.from([0, flag | 127, 0, 0, 0, 0, 0, size >> 16, (size >> 8) & 255, size & 255]);
  head[0] = (fin ? 0x80 : 0) | reserved | opcode;
  if (!masked) return Buffer.concat([head, payload]);
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] as number))]);
}

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
const small = fc.uint8Array({ maxLength: 140 });
const large = fc.integer({ min: 65_530, max: 65_540 }).map((length) => new Uint8Array(length).fill(0x5a));
const plain = { masked: true, reserved: 0 };

/** A binary message in one to four frames, with pings and pongs between them. */
const message: fc.Arbitrary<Buffer[]> = fc
  .tuple(
    fc.array(fc.tuple(fc.oneof({ weight: 9, arbitrary: small }, { weight: 1, arbitrary: large }), mask), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.array(fc.tuple(fc.constantFrom(9, 10), fc.uint8Array({ maxLength: 125 }), mask), { maxLength: 3 }),
  )
  .map(([parts, controls]) =>
    parts.flatMap(([payload, key], index) => {
      const fin = index === parts.length - 1;
      const data = encode({ fin, opcode: index === 0 ? 2 : 0, payload, mask: key, ...plain });
      const control = controls[index];
      return control
        ? [encode({ fin: true, opcode: control[0], payload: control[1], mask: control[2], ...plain }), data]
        : [data];
    }),
  );

/** Frames with arbitrary heads, many of them invalid. No text frames, which ws accepts and `FrameReader` rejects. */
const anyFrame: fc.Arbitrary<Buffer> = fc
  .record({
    fin: fc.boolean(),
    opcode: fc.constantFrom(0, 0, 2, 2, 2, 3, 7, 8, 8, 9, 10, 11, 15),
    payload: small,
    mask,
    masked: fc.constantFrom(true, true, true, true, true, true, true, false),
    reserved: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0x40, 0x20, 0x10),
  })
  .map(encode);
const cuts = fc.array(fc.nat(400), { maxLength: 12 });

describe('FrameReader', () => {
  it('reads messages as ws does, in any split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 6 }), cuts, async (messages, at) => {
        const stream = Buffer.concat(messages.flat());
        const reading = readFrames(split(stream, at));
        expect(reading).toEqual(await readWithWs([stream]));
        expect(reading.close).toBeUndefined();
      }),
    );
  });

  it('rejects the same frames as ws, with the same close code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 8 }), cuts, async (frames, at) => {
        const stream = Buffer.concat(frames);
        const reading = readFrames(split(stream, at));
        const reference = await readWithWs([stream]);
        expect(reading.close).toBe(reference.close);
        expect(reading.pings).toEqual(reference.pings);
        // FrameReader reports payload before the end of a message.
        expect(reading.bytes.subarray(0, reference.bytes.length)).toEqual(reference.bytes);
      }),
      { numRuns: 200 },
    );
  });

  it('has the same result for every split', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 6 }), cuts, (frames, at) => {
        const stream = Buffer.concat(frames);
        const whole = readFrames([stream]);
        expect(readFrames(split(stream, at))).toEqual(whole);
        expect(readFrames(Array.from(stream, (byte) => Buffer.from([byte])))).toEqual(whole);
      }),
    );
  });

  it('returns the messages in a chunk as one view', () => {
    const views: Buffer[] = [];
    const reader = new FrameReader({
      bytes: (view) => views.push(view),
      ping: () => undefined,
      close: () => undefined,
    });
    const key = Uint8Array.of(1, 2, 3, 4);
    const text = (payload: string): Buffer =>
      encode({ fin: true, opcode: 2, payload: Buffer.from(payload), mask: key, ...plain });
    const chunk = Buffer.concat([text('one '), text(''), text('two '), text('three')]);
    reader.read(chunk);
    expect(views.map(String)).toEqual(['one two three']);
    expect(views[0]?.buffer).toBe(chunk.buffer);
  });

  it('rejects a length above 2^53 with 1009', () => {
    const head = Buffer.from('82ff002000000000000000000000', 'hex');
    expect(readFrames([head])).toMatchObject({ close: CLOSE.TOO_BIG, failed: true });
  });
});

describe('writeFrameHead', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])('writes the head of a frame of %i bytes', async (length) => {
    const bytes = Buffer.alloc(3 + FRAME_HEAD_MAX + length);
    const at = writeFrameHead(bytes, 3, length);
    const receiver = new Receiver({ isServer: false, allowSynchronousEvents: true });
    const message = new Promise<Buffer>((resolve) => receiver.on('message', resolve));
    receiver.write(bytes.subarray(3, at + length));
    expect(await message).toHaveLength(length);
  });
});
