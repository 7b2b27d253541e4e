/**
 * All packet types against bytes of other implementations. A round trip alone would only show that the encoder and the
 * decoder agree.
 */
import { describe, expect, it } from 'vitest';
import { decode, dissect, packetName } from '../../src/protocol/index.js';
import { TABLES, tableOf } from '../support/arbitrary.js';
import { leavesOf } from './tree.js';
import { plain, STREAMS, VECTORS, type Vector } from './vectors.js';

/**
 * Vectors whose texts have no terminating NUL. They are decoded like the others, but the encoder writes the NUL, as
 * Windows and FreeRDP do. All other vectors must be encoded to the same bytes.
 */
const WITHOUT_TERMINATOR = new Set([
  'spec-tunnel-auth',
  'fr2-read-service-message-no-terminator',
  'rdpgwnet-tunnel-response-all-fields',
  'rdpgwnet-channel-create-alternate',
]);

/** Additional vectors written by hand from the tables of section 2.2.10, not tested with other implementations. */
const HAND_WRITTEN: readonly Vector[] = [
  handWritten(
    'tunnel-create-zero-context-and-cookie',
    '04000000 1e000000 0d000000 0300 0000 0000000000000000 0400 41000000',
    {
      capsFlags: 13,
      fieldsPresent: 3,
      reauthTunnelContext: '0',
      paaCookie: '41000000',
    },
  ),
  handWritten('tunnel-auth-pc', '06000000 12000000 0000 0600 500043000000', { fieldsPresent: 0, clientName: 'PC' }),
  handWritten('channel-response-connect-failed', '09000000 10000000 dd590780 0000 0000', {
    errorCode: 0x800759dd,
    fieldsPresent: 0,
  }),
  handWritten('data-hi', '0a000000 0c000000 0200 6869', { data: '6869' }),
];

const ALL = [...VECTORS, ...HAND_WRITTEN].map((vector) => [vector.id, vector] as const);

describe('vectors', () => {
  it.each(ALL)('%s is decoded', (_, vector) => {
    const { type, fields } = decode(bytesOf(vector));
    expect(type).toBe(vector.packetType);
    expect(packetName(type)).toBe(vector.name);
    const counts = Object.keys(fields).filter((name) => !(name in vector.fields));
    expect(counts.filter((name) => tableOf(type).rows[name]?.role !== 'derived')).toEqual([]);
    expect(plain(Object.fromEntries(Object.entries(fields).filter(([name]) => !counts.includes(name))))).toEqual(
      vector.fields,
    );
  });

  it.each(ALL)('%s is dissected without a remainder', (_, vector) => {
    const bytes = bytesOf(vector);
    const tree = dissect(bytes);
    expect(tree.error).toBeUndefined();
    const leaves = leavesOf(tree);
    expect(leaves.map((leaf) => leaf.name)).not.toContain('trailing');
    expect(leaves.reduce((sum, leaf) => sum + leaf.length, 0)).toBe(bytes.length);
  });

  it.each(ALL)('%s is encoded', (_, vector) => {
    const bytes = bytesOf(vector);
    const { type, fields } = decode(bytes);
    const encoded = tableOf(type).encode(fields as never);
    if (WITHOUT_TERMINATOR.has(vector.id)) {
      expect(encoded.equals(bytes)).toBe(false);
      expect(decode(encoded).fields).toEqual({ ...fields });
    } else {
      expect(encoded.toString('hex')).toBe(bytes.toString('hex'));
    }
  });

  it.each(TABLES)('%s has a vector of another implementation', (name, packet) => {
    const foreign = VECTORS.filter((vector) => vector.packetType === packet.type && !/by hand/.test(vector.source));
    expect(foreign.length, `${name} has no vector of another implementation`).toBeGreaterThan(0);
    for (const vector of foreign) expect(vector.source.length).toBeGreaterThan(20);
  });

  it('both directions of each captured connection are decoded to the end', () => {
    for (const { id, hex, pdus } of STREAMS) {
      const bytes = Buffer.from(hex, 'hex');
      let offset = 0;
      for (const { packetType, packetLength } of pdus) {
        expect(decode(bytes.subarray(offset, offset + packetLength)).type, id).toBe(packetType);
        offset += packetLength;
      }
      expect(offset, id).toBe(bytes.length);
    }
  });
});

function bytesOf(vector: Vector): Buffer {
  return Buffer.from(vector.hex, 'hex');
}

function handWritten(id: string, spaced: string, fields: Vector['fields']): Vector {
  const hex = spaced.replaceAll(' ', '');
  const packetType = Buffer.from(hex, 'hex').readUInt16LE(0);
  const source = 'written by hand from the tables of section 2.2.10';
  return {
    id: `hand-${id}`,
    packetType,
    name: packetName(packetType),
    direction: 'client-to-server',
    hex,
    fields,
    source,
  };
}
