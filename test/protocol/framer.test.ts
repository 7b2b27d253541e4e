/** Bytes in any split become the same PDUs, and nobody can make the framer hold more than its caps. */
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

describe('any split', () => {
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

  it('gives every PDU there is, at every single cut', () => {
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

  it('does not matter when PDUs are taken late', () => {
    const framer = new Framer();
    for (const chunk of chunksOf(stream('fr3-ext-ws-server'), 5)) framer.push(chunk);
    expect(hexes(take(framer))).toEqual(hexes(pdusOf('fr3-ext-ws-server')));
    expect(framer.buffered).toBe(0);
  });
});

describe('not yet', () => {
  it('is undefined, for ever if need be', () => {
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

  it('counts what waits', () => {
    const framer = new Framer();
    framer.push(Buffer.concat([KEEPALIVE, KEEPALIVE, KEEPALIVE.subarray(0, 3)]));
    expect(framer.buffered).toBe(19);
    framer.next();
    expect(framer.buffered).toBe(11);
    framer.next();
    expect(framer.buffered).toBe(3);
  });
});

describe('caps', () => {
  it.each([0, 1, HEADER_LENGTH - 1])('a length of %i is shorter than the header that states it', (length) => {
    expect(errorOf(header(PKT_TYPE.KEEPALIVE, length))).toBeInstanceOf(PduError);
    expect(errorOf(header(PKT_TYPE.KEEPALIVE, length))).toMatchObject({ code: 'PDU_LENGTH', offset: 4 });
  });

  it.each([
    ['DATA', PKT_TYPE.DATA, MAX_DATA_PDU, 'MAX_DATA_PDU'],
    ['a control PDU', PKT_TYPE.TUNNEL_CREATE, MAX_CONTROL_PDU, 'MAX_CONTROL_PDU'],
    ['an unassigned type', 0x0e, MAX_CONTROL_PDU, 'MAX_CONTROL_PDU'],
  ])('%s above its cap is refused by its header alone', (_, type, max, limit) => {
    expect(errorOf(header(type, max))).toBeUndefined();
    for (const length of [max + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(errorOf(header(type, length))).toBeInstanceOf(LimitError);
      expect(errorOf(header(type, length))).toMatchObject({ limit });
    }
  });

  it('the largest of both kinds pass', () => {
    const largest = DATA.encode({ data: Buffer.alloc(0xffff) });
    expect(largest).toHaveLength(MAX_DATA_PDU);
    expect(framed([largest])[0]?.equals(largest)).toBe(true);
    const control = withHeader(PKT_TYPE.TUNNEL_CREATE, Buffer.alloc(MAX_CONTROL_PDU - HEADER_LENGTH));
    expect(framed([control])[0]?.equals(control)).toBe(true);
  });

  it('nothing more is taken than MAX_WAITING', () => {
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
  it('one chunk is enough: its PDUs are views of it', () => {
    const bytes = stream('fr2-paa-ws-client');
    const own = Uint8Array.from(bytes);
    const pdus = framed([Buffer.from(own.buffer)]);
    expect(pdus.every((pdu) => pdu.buffer === own.buffer)).toBe(true);
    expect(pdus.map((pdu) => pdu.byteOffset)).toEqual(pdusOf('fr2-paa-ws-client').map(startOf));
  });

  it('a PDU across chunks is a copy, and those around it stay views', () => {
    const first = Uint8Array.from(Buffer.concat([KEEPALIVE, KEEPALIVE.subarray(0, 3)]));
    const second = Uint8Array.from(Buffer.concat([KEEPALIVE.subarray(3), KEEPALIVE]));
    const pdus = framed([Buffer.from(first.buffer), Buffer.from(second.buffer)]);
    expect(hexes(pdus)).toEqual(hexes([KEEPALIVE, KEEPALIVE, KEEPALIVE]));
    expect(pdus[0]?.buffer).toBe(first.buffer);
    expect(pdus[1]?.buffer).not.toBe(first.buffer);
    expect(pdus[1]?.buffer).not.toBe(second.buffer);
  });

  it('a PDU that trickles in does not keep what each byte came in', async () => {
    // Every byte comes as a view of a slab of its own, as slow sockets deliver them; the slabs must go.
    const framer = new Framer();
    const pdu = DATA.encode({ data: Buffer.alloc(4000, 'x') });
    const slabs: WeakRef<ArrayBuffer>[] = [];
    for (const byte of pdu.subarray(0, -1)) {
      const slab = new ArrayBuffer(16);
      new Uint8Array(slab)[0] = byte;
      slabs.push(new WeakRef(slab));
      framer.push(Buffer.from(slab, 0, 1));
      expect(framer.next()).toBeUndefined();
    }
    const kept = await collected(slabs);
    expect(kept).toBeLessThan(100);
    framer.push(pdu.subarray(-1));
    expect(framer.next()?.equals(pdu)).toBe(true);
  });

  it('the largest PDU arrives byte by byte', () => {
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

/** How many of the slabs are still there after the collector ran. */
async function collected(slabs: readonly WeakRef<ArrayBuffer>[]): Promise<number> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // A WeakRef holds its target until the job that made it is over.
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  return slabs.filter((slab) => slab.deref() !== undefined).length;
}
