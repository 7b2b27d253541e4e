/** `dissect`: its tree tiles any input, it never throws, and it agrees with `decode`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, dissect, PduError, type Span } from '../../src/protocol/index.js';
import { anyPdu, hostileBytes, tableOf } from '../support/arbitrary.js';
import { fieldsOfTree, gapIn, leavesOf } from './tree.js';
import { plain, VECTORS, vector } from './vectors.js';

describe('arbitrary bytes', () => {
  it('dissect never throws and its leaves tile the input', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        expect(gapIn(dissect(bytes), bytes.length)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('decode throws only PduError, with an offset inside the input', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        const error = failureOf(bytes);
        if (!error) return;
        expect(error.offset).toBeGreaterThanOrEqual(0);
        expect(error.offset).toBeLessThanOrEqual(bytes.length);
        expect(error.field).not.toBe('');
      }),
      { numRuns: 1000 },
    );
  });

  it('decode and dissect fail on the same bytes, for the same reason', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        const error = failureOf(bytes);
        const shown = dissect(bytes).error;
        expect(shown === undefined).toBe(error === undefined);
        // After a wrong length dissect continues, and reports the next error if there is one.
        if (error && error.code !== 'PDU_LENGTH') expect({ ...shown }).toEqual({ ...error });
      }),
      { numRuns: 1000 },
    );
  });

  it('where decode succeeds the tree has the same fields', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        if (!failureOf(bytes)) expectSameFields(bytes);
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(anyPdu, expectSameFields));
  });

  it('every leaf holds the value of its own bytes', () => {
    fc.assert(
      fc.property(hostileBytes, (bytes) => {
        for (const leaf of leavesOf(dissect(bytes))) if (bytes.length > 0) expectOwnValue(leaf, bytes);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('vectors', () => {
  it('truncated at any byte are an error for decode and a complete tree for dissect', () => {
    for (const { id, hex } of VECTORS) {
      const bytes = Buffer.from(hex, 'hex');
      for (let end = 0; end < bytes.length; end++) {
        const cut = bytes.subarray(0, end);
        expect(gapIn(dissect(cut), end), `${id} cut at ${end}`).toBeUndefined();
        expect(failureOf(cut), `${id} cut at ${end}`).toBeInstanceOf(PduError);
      }
    }
  });

  it('with extra bytes at the end have a last leaf with these bytes and the error', () => {
    for (const { id, hex } of VECTORS) {
      const bytes = Buffer.from(`${hex}c0ffee`, 'hex');
      const tree = dissect(bytes);
      expect(gapIn(tree, bytes.length), id).toBeUndefined();
      expect(leavesOf(tree).at(-1), id).toMatchObject({ name: 'unread', length: 3, error: { code: 'PDU_LENGTH' } });
    }
  });
});

describe('trees', () => {
  it('shows names, offsets, values and descriptions', () => {
    expect(rows(dissect(vector('fr2-read-channel-response-59da')))).toEqual([
      '0+2 packetType 9 PKT_TYPE_CHANNEL_RESPONSE',
      '2+2 reserved 0',
      '4+4 packetLength 16',
      "8+4 errorCode 2147965402 E_PROXY_RAP_ACCESSDENIED: the gateway's policy does not allow this target for this user",
      '12+2 fieldsPresent 0',
      '14+2 reserved 0',
    ]);
  });

  it('groups a shared type under the name of its field, and shows a named count as a field', () => {
    expect(rows(dissect(vector('fr2-sent-channel-create-short')))).toEqual([
      '0+2 packetType 8 PKT_TYPE_CHANNEL_CREATE',
      '2+2 reserved 0',
      '4+4 packetLength 20',
      '8+1 numResources 1',
      '9+1 numAltResources 0',
      '10+2 port 3389',
      '12+2 protocol 3',
      '14+6 resources[0]',
      '  14+2 cbLen 4',
      '  16+4 str h',
    ]);
    expect(rows(dissect(vector('fr2-read-service-message'))).slice(3)).toEqual([
      '8+2 cbMessageLen 14',
      '10+14 message Hello!',
    ]);
  });

  it('shows the names of flags, and flags without a name in hexadecimal', () => {
    expect(dissect(vector('fr2-paa-ws-tunnel-create')).children?.[3]?.text).toBe(
      'QUAR_SOH | MESSAGING_CONSENT_SIGN | MESSAGING_SERVICE_MSG',
    );
    expect(dissect(vector('fr3-sent-handshake-request-bearer')).children?.at(-1)?.text).toBe('0x8');
    expect(dissect(vector('fr2-paa-ws-tunnel-auth-response')).children?.at(-2)?.text).toBe('ENABLE_ALL');
  });

  it('shows the readable part of a PDU that is truncated inside a list', () => {
    const cut = Buffer.from('080000001600000002003d0d03000400680000000a00', 'hex');
    const tree = dissect(cut);
    expect(tree.name).toBe('HTTP_CHANNEL_PACKET');
    expect(tree.error).toMatchObject({ code: 'PDU_SHORT', field: 'str', offset: 22 });
    expect(rows(tree).slice(-2)).toEqual(['20+2 resources[1]', '  20+2 cbLen 10']);
  });

  it('shows no empty group if the count of an entry is missing', () => {
    const tree = dissect(Buffer.from('080000001400000002003d0d0300040068000000', 'hex'));
    expect(tree.error).toMatchObject({ code: 'PDU_SHORT', field: 'cbLen', offset: 20 });
    expect(rows(tree).slice(-3)).toEqual(['14+6 resources[0]', '  14+2 cbLen 4', '  16+4 str h']);
  });

  it('reads no field beyond the length that the header states', () => {
    const tree = dissect(Buffer.from('0a0000000b00000002006869', 'hex'));
    expect(tree.error).toMatchObject({ code: 'PDU_SHORT', field: 'data', offset: 10 });
    expect(leavesOf(tree).at(-1)).toMatchObject({ name: 'unread', offset: 10, length: 2 });
  });

  it('reports an unassigned type as an error, as decode does', () => {
    const tree = dissect(Buffer.from('0e00000009000000ff', 'hex'));
    expect(tree.error).toMatchObject({ code: 'PDU_TYPE' });
    expect(leavesOf(tree).at(-1)).toMatchObject({ name: 'unread', offset: 8, length: 1 });
  });

  it('shows trailing bytes of a known packet without an error', () => {
    const tree = dissect(Buffer.from('0d0000000a000000beef', 'hex'));
    expect(tree.error).toBeUndefined();
    expect(leavesOf(tree).at(-1)).toMatchObject({ name: 'trailing', offset: 8, length: 2 });
  });

  it('has no leaf for empty input', () => {
    const tree = dissect(Buffer.alloc(0));
    expect(tree).toMatchObject({ length: 0, children: [], error: { code: 'PDU_SHORT' } });
  });
});

/** One line per span: `offset+length name value text`. */
function rows(tree: Span, indent = ''): string[] {
  return (tree.children ?? []).flatMap((span) => {
    const columns = [`${span.offset}+${span.length}`, span.name, span.value, span.text].filter(
      (column) => column !== undefined,
    );
    return [indent + columns.join(' '), ...rows(span, `${indent}  `)];
  });
}

function failureOf(bytes: Buffer): PduError | undefined {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(PduError);
    return error as PduError;
  }
}

function expectSameFields(bytes: Buffer): void {
  const { type, fields } = decode(bytes);
  const table = tableOf(type).rows;
  const shown = fieldsOfTree(dissect(bytes));
  for (const [name, value] of Object.entries(fields)) {
    // A list without entries leaves no span.
    if (Array.isArray(value) && value.length === 0) expect(shown[name]).toBeUndefined();
    else expect(plain(shown[name]), name).toEqual(plain(value));
  }
  const more = Object.keys(shown).filter((name) => !(name in fields) && name !== 'trailing');
  expect(more.filter((name) => name in table && table[name]?.role !== 'reserved')).toEqual([]);
}

function expectOwnValue(leaf: Span, bytes: Buffer): void {
  const own = bytes.subarray(leaf.offset, leaf.offset + leaf.length);
  const { value } = leaf;
  if (typeof value === 'number') expect(value).toBe(own.readUIntLE(0, leaf.length));
  else if (typeof value === 'bigint') expect(value).toBe(own.readBigUInt64LE(0));
  else if (typeof value === 'string') expect(Buffer.from(value, 'utf16le').equals(textBytes(own))).toBe(true);
  else expect(Buffer.isBuffer(value) && value.equals(own)).toBe(true);
}

function textBytes(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes.readUInt16LE(end - 2) === 0) end -= 2;
  return bytes.subarray(0, end);
}
