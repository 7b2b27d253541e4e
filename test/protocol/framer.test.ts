/** The framer returns the same PDUs for any split of the input, and never buffers more than its limits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DATA,
  Framer,
  HEADER_LENGTH,
  LimitError,
  MAX_CONTROL_PDU,
  MAX_DATA_PDU,
  MAX_WAITING,
  PduError,
  PKT_TYPE,
} from '../../src/protocol/index.js';
import { anyPdu, splits, withHeader } from '../support/arbitrary.js';
import { pdusOf, STREAMS, stream, VECTORS, vector } from './vectors.js';

const KEEPALIVE = vector('fr2-sent-keepalive');

describe('an arbitrary split', () => {
  it('gives the captured PDUs of both sides', () => {
    for (const { id } of STREAMS) {
      const expected = hexes(pdusOf(id));
      fc.assert(
        fc.property(splits(stream(id)), (chunks) => {
          expect(hexes(framed(chunks))).toEqual(expected);
        }),
        { numRuns: 40 },
      );
      const bytes = stream(id);
      expect(hexes(framed(Array.from(bytes, (byte) => Buffer.from([byte]))))).toEqual(expected);
      expect(hexes(framed([bytes]))).toEqual(expected);
    }
  });

  it('at one position gives the PDUs of all vectors', () => {
    const pdus = VECTORS.map(({ hex }) => Buffer.from(hex, 'hex'));
    const bytes = Buffer.concat(pdus);
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(hexes(framed([bytes.subarray(0, cut), bytes.subarray(cut)]))).toEqual(hexes(pdus));
    }
  });

  it('gives arbitrary PDUs', () => {
    const chunked = fc
      .array(
        anyPdu.filter((pdu) => pdu.length < 2000),
        { maxLength: 6 },
      )
      .chain((pdus) => {
        return splits(Buffer.concat(pdus)).map((chunks) => ({ pdus, chunks }));
      });
    fc.assert(
      fc.property(chunked, ({ pdus, chunks }) => {
        expect(hexes(framed(chunks))).toEqual(hexes(pdus));
      }),
    );
  });

  it('gives the same PDUs if they are read after all bytes were pushed', () => {
    const framer = new Framer();
    for (const chunk of chunksOf(stream('fr3-ext-ws-server'), 5)) framer.push(chunk);
    expect(hexes(take(framer))).toEqual(hexes(pdusOf('fr3-ext-ws-server')));
    expect(framer.buffered).toBe(0);
  });
});

describe('an incomplete PDU', () => {
  it('is undefined, however often next is called', () => {
    const framer = new Framer();
    expect(framer.next()).toBeUndefined();
    framer.push(Buffer.alloc(0));
    expect(framer.next()).toBeUndefined();
    framer.push(KEEPALIVE.subarray(0, 7));
    expect(framer.next()).toBeUndefined();
    expect(framer.next()).toBeUndefined();
    expect(framer.buffered).toBe(7);
    framer.push(KEEPALIVE.subarray(7));
    expect(framer.next()?.equals(KEEPALIVE)).toBe(true);
    expect(framer.next()).toBeUndefined();
    expect(framer.buffered).toBe(0);
  });

  it('counts as buffered', () => {
    const framer = new Framer();
    framer.push(Buffer.concat([KEEPALIVE, KEEPALIVE, KEEPALIVE.subarray(0, 3)]));
    expect(framer.buffered).toBe(19);
    framer.next();
    expect(framer.buffered).toBe(11);
    framer.next();
    expect(framer.buffered).toBe(3);
  });
});

describe('limits', () => {
  it.each([0, 1, HEADER_LENGTH - 1])('a length of %i is below the length of the header', (length) => {
    expect(errorOf(header(PKT_TYPE.KEEPALIVE, length))).toBeInstanceOf(PduError);
    expect(errorOf(header(PKT_TYPE.KEEPALIVE, length))).toMatchObject({ code: 'PDU_LENGTH', offset: 4 });
  });

  it.each([
    ['DATA', PKT_TYPE.DATA, MAX_DATA_PDU, 'MAX_DATA_PDU'],
    ['a control PDU', PKT_TYPE.TUNNEL_CREATE, MAX_CONTROL_PDU, 'MAX_CONTROL_PDU'],
    ['an unassigned type', 0x0e, MAX_CONTROL_PDU, 'MAX_CONTROL_PDU'],
  ])('%s above its limit is rejected as soon as the header is complete', (_, type, max, limit) => {
    expect(errorOf(header(type, max))).toBeUndefined();
    for (const length of [max + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(errorOf(header(type, length))).toBeInstanceOf(LimitError);
      expect(errorOf(header(type, length))).toMatchObject({ limit });
    }
  });

  it('the largest DATA PDU and the largest control PDU are accepted', () => {
    const largest = DATA.encode({ data: Buffer.alloc(0xffff) });
    expect(largest).toHaveLength(MAX_DATA_PDU);
    expect(framed([largest])[0]?.equals(largest)).toBe(true);
    const control = withHeader(PKT_TYPE.TUNNEL_CREATE, Buffer.alloc(MAX_CONTROL_PDU - HEADER_LENGTH));
    expect(framed([control])[0]?.equals(control)).toBe(true);
  });

  it('at most MAX_WAITING bytes are buffered', () => {
    const framer = new Framer();
    const chunk = Buffer.concat(Array(1024).fill(KEEPALIVE));
    for (let waiting = 0; waiting < MAX_WAITING; waiting += chunk.length) framer.push(chunk);
    expect(framer.buffered).toBe(MAX_WAITING);
    expect(() => framer.push(Buffer.alloc(1))).toThrow(LimitError);
    expect(framer.buffered).toBe(MAX_WAITING);
    framer.next();
    framer.push(Buffer.alloc(1));
    expect(framer.buffered).toBe(MAX_WAITING - 7);
  });
});

describe('memory', () => {
  it('PDUs inside one chunk are views of it', () => {
    const bytes = stream('fr2-paa-ws-client');
    const copy = Uint8Array.from(bytes);
    const pdus = framed([Buffer.from(copy.buffer)]);
    expect(pdus.every((pdu) => pdu.buffer === copy.buffer)).toBe(true);
    expect(pdus.map((pdu) => pdu.byteOffset)).toEqual(pdusOf('fr2-paa-ws-client').map(startOf));
  });

  it('a PDU that spans chunks is a copy, and its neighbours are views', () => {
    const first = Uint8Array.from(Buffer.concat([KEEPALIVE, KEEPALIVE.subarray(0, 3)]));
    const second = Uint8Array.from(Buffer.concat([KEEPALIVE.subarray(3), KEEPALIVE]));
    const pdus = framed([Buffer.from(first.buffer), Buffer.from(second.buffer)]);
    expect(hexes(pdus)).toEqual(hexes([KEEPALIVE, KEEPALIVE, KEEPALIVE]));
    expect(pdus[0]?.buffer).toBe(first.buffer);
    expect(pdus[1]?.buffer).not.toBe(first.buffer);
    expect(pdus[1]?.buffer).not.toBe(second.buffer);
  });

  it('a PDU received byte by byte does not retain the buffer of each read', async () => {
    // A slow socket delivers each byte as a view of a separate buffer. These buffers must be garbage collected.
    const framer = new Framer();
    const pdu = DATA.encode({ data: Buffer.alloc(4000, 'x') });
    const reads: WeakRef<ArrayBuffer>[] = [];
    for (const byte of pdu.subarray(0, -1)) {
      const read = new ArrayBuffer(16);
      new Uint8Array(read)[0] = byte;
      reads.push(new WeakRef(read));
      framer.push(Buffer.from(read, 0, 1));
      expect(framer.next()).toBeUndefined();
    }
    const kept = await countAfterGc(reads);
    expect(kept).toBeLessThan(100);
    framer.push(pdu.subarray(-1));
    expect(framer.next()?.equals(pdu)).toBe(true);
  });

  it('the largest PDU can arrive byte by byte', () => {
    const framer = new Framer();
    const pdu = DATA.encode({ data: Buffer.alloc(0xffff, 'abc') });
    const pdus: Buffer[] = [];
    for (let offset = 0; offset < pdu.length; offset++) {
      framer.push(pdu.subarray(offset, offset + 1));
      pdus.push(...take(framer));
    }
    expect(pdus).toHaveLength(1);
    expect(pdus[0]?.equals(pdu)).toBe(true);
  });
});

function framed(chunks: readonly Buffer[]): Buffer[] {
  const framer = new Framer();
  return chunks.flatMap((chunk) => {
    framer.push(chunk);
    return take(framer);
  });
}

function take(framer: Framer): Buffer[] {
  const pdus: Buffer[] = [];
  for (let pdu = framer.next(); pdu !== undefined; pdu = framer.next()) pdus.push(pdu);
  return pdus;
}

function hexes(pdus: readonly Buffer[]): string[] {
  return pdus.map((pdu) => pdu.toString('hex'));
}

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

function header(type: number, length: number): Buffer {
  const bytes = withHeader(type, Buffer.alloc(0));
  bytes.writeUInt32LE(length, 4);
  return bytes;
}

function errorOf(bytes: Buffer): unknown {
  const framer = new Framer();
  framer.push(bytes);
  try {
    expect(framer.next()).toBeUndefined();
    return undefined;
  } catch (error) {
    return error;
  }
}

function startOf(pdu: Buffer, _index: number, all: readonly Buffer[]): number {
  return all.slice(0, all.indexOf(pdu)).reduce((sum, { length }) => sum + length, 0);
}

/** Runs the garbage collector and returns how many of the buffers are still referenced. */
async function countAfterGc(buffers: readonly WeakRef<ArrayBuffer>[]): Promise<number> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // A WeakRef keeps its target alive until the end of the job that created it.
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  return buffers.filter((buffer) => buffer.deref() !== undefined).length;
}
