/** Every PDU against bytes that our own code did not make. A round trip alone only proves that we agree with ourselves. */
import { describe, expect, it } from 'vitest';
import { decode, dissect, packetName } from '../../src/protocol/index.js';
import { TABLES, tableOf } from '../support/arbitrary.js';
import { leavesOf } from './tree.js';
import { plain, STREAMS, VECTORS, type Vector } from './vectors.js';

/**
 * Vectors whose texts have no terminating NUL: read like the others, but we write the NUL that Windows and FreeRDP write.
 * Everything else must come back byte for byte.
 */
const WITHOUT_TERMINATOR = new Set([
  'spec-tunnel-auth',
  'fr2-read-service-message-no-terminator',
  'rdpgwnet-tunnel-response-all-fields',
  'rdpgwnet-channel-create-alternate',
]);

/** Laid out by hand after the tables of section 2.2.10; nobody else's code has seen them. They come on top of the others. */
const HAND_MADE: readonly Vector[] = [
  hand('tunnel-create-zero-context-and-cookie', '04000000 1e000000 0d000000 0300 0000 0000000000000000 0400 41000000', {
    capsFlags: 13,
    fieldsPresent: 3,
    reauthTunnelContext: '0',
    paaCookie: '41000000',
  }),
  hand('tunnel-auth-pc', '06000000 12000000 0000 0600 500043000000', { fieldsPresent: 0, clientName: 'PC' }),
  hand('channel-response-connect-failed', '09000000 10000000 dd590780 0000 0000', {
    errorCode: 0x800759dd,
    fieldsPresent: 0,
  }),
  hand('data-hi', '0a000000 0c000000 0200 6869', { data: '6869' }),
];

const ALL = [...VECTORS, ...HAND_MADE].map((vector) => [vector.id, vector] as const);

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

  it.each(ALL)('%s is encoded again', (_, vector) => {
    const bytes = bytesOf(vector);
    const { type, fields } = decode(bytes);
    const again = tableOf(type).encode(fields as never);
    if (WITHOUT_TERMINATOR.has(vector.id)) {
      expect(again.equals(bytes)).toBe(false);
      expect(decode(again).fields).toEqual({ ...fields });
    } else {
      expect(again.toString('hex')).toBe(bytes.toString('hex'));
    }
  });

  it.each(TABLES)('%s has a vector from outside', (name, packet) => {
    const foreign = VECTORS.filter((vector) => vector.packetType === packet.type && !/by hand/.test(vector.source));
    expect(foreign.length, `no vector of ${name} comes from someone else's code`).toBeGreaterThan(0);
    for (const vector of foreign) expect(vector.source.length).toBeGreaterThan(20);
  });

  it('both sides of each captured connection are decoded to the end', () => {
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

function hand(id: string, spaced: string, fields: Vector['fields']): Vector {
  const hex = spaced.replaceAll(' ', '');
  const packetType = Buffer.from(hex, 'hex').readUInt16LE(0);
  const source = 'laid out by hand after the tables of section 2.2.10';
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
