import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataUnwrapper } from '../../src/protocol/data.js';
import { Framer } from '../../src/protocol/framer.js';
import {
  DATA,
  DATA_OVERHEAD,
  DATA_PAYLOAD,
  dataPayload,
  decode,
  isData,
  PKT_TYPE,
  peekHeader,
  startsData,
  wrapData,
} from '../../src/protocol/index.js';
import { anyPdu, fieldsOf, TABLES, withHeader } from '../support/arbitrary.js';
import { plain, vector } from './vectors.js';

describe('wrapData', () => {
  it('encodes the same bytes as the table in packets.ts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        const [pdu, ...more] = wrapped(Buffer.from(payload));
        expect(more).toEqual([]);
        const expected = payload.length === 0 ? undefined : DATA.encode({ data: Buffer.from(payload) });
        expect(pdu?.toString('hex')).toBe(expected?.toString('hex'));
      }),
    );
  });

  it('encodes the bytes of captured DATA PDUs', () => {
    for (const id of ['fr2-paa-ws-data-c1', 'fr2-paa-ws-data-s1', 'fr3-ext-ws-data-c2', 'rdpgwnet-data-server']) {
      const pdu = vector(id);
      expect(
        wrapped(dataPayload(pdu)).map((part) => part.toString('hex')),
        id,
      ).toEqual([pdu.toString('hex')]);
    }
  });

  it.each([1, DATA_PAYLOAD - 1, DATA_PAYLOAD, DATA_PAYLOAD + 1, 2 * DATA_PAYLOAD, 5 * DATA_PAYLOAD + 7])(
    'splits %i bytes into PDUs of 16 KiB',
    (length) => {
      const payload = Buffer.from(Array.from({ length }, (_, index) => index & 0xff));
      const pdus = wrapped(payload);
      expect(pdus).toHaveLength(Math.ceil(length / DATA_PAYLOAD));
      expect(Math.max(...pdus.map((pdu) => pdu.length))).toBeLessThanOrEqual(DATA_PAYLOAD + DATA_OVERHEAD);
      expect(Buffer.concat(pdus.map(dataPayload)).equals(payload)).toBe(true);
      expect(pdus.every((pdu) => decode(pdu).type === PKT_TYPE.DATA)).toBe(true);
    },
  );

  it('copies the payload', () => {
    const payload = Buffer.from('before');
    const [pdu] = wrapped(payload) as [Buffer];
    payload.write('after!');
    expect(dataPayload(pdu).toString()).toBe('before');
  });
});

describe('dataPayload', () => {
  it('has the same results and errors as decode', () => {
    const counted = fc.tuple(fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 40 })).map(([count, payload]) => {
      return Buffer.concat([Buffer.from([count, 0]), payload]);
    });
    const body = fc.oneof(
      counted,
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const pdu = withHeader(PKT_TYPE.DATA, bytes);
        const expected = outcome(() => (decode(pdu).fields as { data: Buffer }).data);
        expect(outcome(() => dataPayload(pdu))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('is a view', () => {
    const pdu = vector('fr2-paa-ws-data-c1');
    expect(dataPayload(pdu).buffer).toBe(pdu.buffer);
  });
});

describe('isData', () => {
  it('is true only for DATA', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TABLES).chain(([, table]) => fc.tuple(fc.constant(table), fieldsOf(table))),
        ([table, fields]) => {
          expect(isData(table.encode(fields))).toBe(table.type === PKT_TYPE.DATA);
        },
      ),
    );
    expect(isData(Buffer.from('0a01000008000000', 'hex'))).toBe(false);
  });
});

function wrapped(payload: Buffer): Buffer[] {
  const pdus: Buffer[] = [];
  wrapData(payload, (pdu) => pdus.push(pdu));
  return pdus;
}

function outcome(run: () => Buffer): unknown {
  try {
    return plain(run());
  } catch (error) {
    return { ...(error as Error), message: (error as Error).message };
  }
}

describe('startsData', () => {
  const pdu = DATA.encode({ data: Buffer.from('hello') });

  it('is true for the first ten bytes of a DATA PDU, at any offset', () => {
    for (let length = 0; length <= pdu.length; length++) {
      expect(startsData(pdu.subarray(0, length))).toBe(length < DATA_OVERHEAD ? undefined : true);
    }
    expect(startsData(Buffer.concat([Buffer.alloc(3, 9), pdu]), 3)).toBe(true);
  });

  it('is false for other PDUs and inconsistent lengths', () => {
    expect(startsData(DATA.encode({ data: Buffer.alloc(0) }))).toBe(true);
    expect(startsData(withHeader(PKT_TYPE.KEEPALIVE, Buffer.alloc(0)))).toBe(false);
    const reserved = Buffer.from(pdu);
    reserved[2] = 1;
    expect(startsData(reserved)).toBe(false);
    const long = Buffer.from(pdu);
    long[8] = 6;
    expect(startsData(long)).toBe(false);
  });
});

describe('peekHeader', () => {
  it('reads type and length at any offset', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 0xffff }),
        fc.uint8Array({ maxLength: 40 }),
        fc.nat({ max: 20 }),
        (type, body, offset) => {
          const pdu = withHeader(type, Buffer.from(body));
          const bytes = Buffer.concat([Buffer.alloc(offset, 0xff), pdu]);
          expect(peekHeader(bytes, offset)).toEqual({ packetType: type, reserved: 0, packetLength: pdu.length });
          expect(peekHeader(bytes.subarray(0, offset + 7), offset)).toBeUndefined();
        },
      ),
    );
  });
});

describe('DataUnwrapper', () => {
  /** A DATA PDU whose count may be below the number of bytes present. */
  const dataPdu = fc
    .tuple(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 4 }))
    .map(([payload, trailing]) => {
      const count = Buffer.alloc(2);
      count.writeUInt16LE(payload.length);
      return withHeader(PKT_TYPE.DATA, Buffer.concat([count, payload, trailing]));
    });
  const other = anyPdu.filter((pdu) => !isData(pdu));

  it('has the same result as the framer and the tables, for any split, up to the first other PDU', () => {
    fc.assert(
      fc.property(
        fc.array(dataPdu, { maxLength: 8 }),
        other,
        fc.array(fc.nat(300), { maxLength: 8 }),
        (pdus, last, at) => {
          const stream = Buffer.concat([...pdus, last]);
          const unwrapper = new DataUnwrapper();
          const payload: Buffer[] = [];
          let rest: Buffer = Buffer.alloc(0);
          for (const chunk of cut(stream, at)) {
            const read = unwrapper.unwrap(Buffer.concat([rest, chunk]));
            payload.push(Buffer.from(read.payload));
            rest = Buffer.from(read.rest);
          }
          expect(rest).toEqual(last);
          expect(unwrapper.insidePdu).toBe(false);
          expect(Buffer.concat(payload)).toEqual(Buffer.concat(pdus.map(payloadByFramer)));
        },
      ),
    );
  });

  it('returns all payload of a chunk as one view', () => {
    const chunk = Buffer.concat(wrappedAll(['one ', 'two ', 'three']));
    const { payload, rest } = new DataUnwrapper().unwrap(chunk);
    expect(payload.toString()).toBe('one two three');
    expect(payload.buffer).toBe(chunk.buffer);
    expect(rest).toHaveLength(0);
  });

  it.each([
    ['has a count above its length', '0a000000' + '0c000000' + '0300' + '6869'],
    ['is longer than any DATA PDU', '0a000000' + '0a000100' + '0200' + '6869'],
    ['is shorter than its own header', '0a000000' + '08000000' + '0000' + '6869'],
    ['has an incomplete header', '0a000000' + '0c000000' + '02'],
  ])('does not process a PDU that %s, so that the framer reports its error', (_, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    const unwrapper = new DataUnwrapper();
    expect(unwrapper.canUnwrap(bytes)).toBe(false);
    expect(unwrapper.unwrap(bytes)).toEqual({ payload: Buffer.alloc(0), rest: bytes });
  });
});

/** The payload of one PDU, read with the framer. */
function payloadByFramer(pdu: Buffer): Buffer {
  const framer = new Framer();
  framer.push(pdu);
  return dataPayload(framer.next() as Buffer);
}

function wrappedAll(texts: readonly string[]): Buffer[] {
  return texts.flatMap((text) => wrapped(Buffer.from(text)));
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const offsets = [0, ...at.map((offset) => Math.min(offset, bytes.length)).sort((a, b) => a - b), bytes.length];
  return offsets.slice(1).map((end, index) => Buffer.from(bytes.subarray(offsets[index], end)));
}
