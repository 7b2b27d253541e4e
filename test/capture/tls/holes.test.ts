/** Packets that are missing in the capture. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyLog, TlsStation } from '../../../src/capture/tls/index.js';
import type { Sender } from '../../../src/capture/types.js';
import { drop, FROM_CLIENT, FROM_SERVER, NAMES, type Name, packets, type Recordings, recordAll } from './recordings.js';
import { decrypt, type Input, Outcome, split } from './through.js';

let recordings: Recordings;
beforeAll(async () => {
  recordings = await recordAll();
});

describe('missing packets', () => {
  /**
   * Expects a gap of the right length for every lost data packet, and all other bytes in place. Returns the gap count.
   */
  function expectOnlyGaps(name: Name, inputs: readonly Input[], keys: string): number {
    let known = 0;
    const outcome = new GapFiller();
    run(inputs, keys, outcome);
    for (const [from, whole] of [
      ['client', FROM_CLIENT],
      ['server', FROM_SERVER],
    ] as const) {
      if (outcome.unknown.has(from)) continue;
      const { parts, gaps } = outcome.streams[from];
      const filled = Buffer.concat(parts);
      for (const [start, end] of gaps) whole.copy(filled, start, start, end);
      expect(filled.equals(whole), `${name}, ${from}`).toBe(true);
      known += gaps.length;
    }
    return known;
  }

  for (const name of NAMES.filter((name) => name !== 'TLS 1.2 CBC')) {
    it(`${name}: one missing packet`, () => {
      const all = packets(recordings[name]);
      const { keys } = recordings[name];
      let known = 0;
      for (let lost = 12; lost < all.length - 4; lost += 3) {
        known += expectOnlyGaps(name, drop(all, new Set([lost])), keys);
      }
      expect(known).toBeGreaterThan(20);
    });

    it(`${name}: random missing packets`, () => {
      const all = packets(recordings[name]);
      const { keys } = recordings[name];
      fc.assert(
        fc.property(fc.uniqueArray(fc.integer({ min: 0, max: all.length - 1 }), { maxLength: 12 }), (lost) => {
          expectOnlyGaps(name, drop(all, new Set(lost)), keys);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('TLS 1.2 CBC: the length of a gap is unknown', () => {
    const all = packets(recordings['TLS 1.2 CBC']);
    const lost = all.findIndex((chunk, at) => at > 20 && chunk.from === 'server');
    const outcome = decrypt(drop(all, new Set([lost])), recordings['TLS 1.2 CBC'].keys);
    expect(outcome.gaps).toEqual([{ from: 'server', length: undefined }]);
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
    expect(outcome.text('server').subarray(-6000).equals(FROM_SERVER.subarray(-6000))).toBe(true);
  });

  it('decryption continues after a gap of unknown length', () => {
    const all = packets(recordings['TLS 1.3']);
    const lost = all.findIndex((chunk, at) => at > 20 && chunk.from === 'server');
    const inputs = drop(all, new Set([lost])).map((input) => ('gap' in input ? { ...input, gap: undefined } : input));
    const outcome = decrypt(inputs, recordings['TLS 1.3'].keys);
    expect(outcome.gaps).toEqual([{ from: 'server', length: undefined }]);
    expect(outcome.text('server').subarray(-6000).equals(FROM_SERVER.subarray(-6000))).toBe(true);
  });

  it('decryption continues when the end of the handshake is missing', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    // Certificate and Finished of the server follow its hello, in one or two reads.
    const all = [...split(chunks, () => 400)];
    const second = all.findIndex((chunk, at) => chunk.from === 'server' && all[at - 1]?.from === 'server');
    const outcome = decrypt(drop(all, new Set([second])), keys);
    expect(outcome.text('server').equals(FROM_SERVER)).toBe(true);
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
  });
});

/** Collects the streams with zeros in place of gaps of known length. */
class GapFiller extends Outcome {
  readonly streams: Record<Sender, { parts: Buffer[]; length: number; gaps: [number, number][] }> = {
    client: { parts: [], length: 0, gaps: [] },
    server: { parts: [], length: 0, gaps: [] },
  };
  readonly unknown = new Set<Sender>();

  override bytes(from: Sender, bytes: Buffer): void {
    const stream = this.streams[from];
    stream.parts.push(Buffer.from(bytes));
    stream.length += bytes.length;
  }

  override gap(from: Sender, length: number | undefined): void {
    const stream = this.streams[from];
    if (length === undefined) this.unknown.add(from);
    stream.gaps.push([stream.length, stream.length + (length ?? 0)]);
    stream.parts.push(Buffer.alloc(length ?? 0));
    stream.length += length ?? 0;
  }
}

function run(inputs: readonly Input[], keys: string, outcome: Outcome): void {
  const log = new KeyLog();
  log.add(keys);
  const station = new TlsStation(log, outcome);
  const place = { frame: 1, time: 1n };
  for (const input of inputs) {
    if ('bytes' in input) station.bytes(input.from, input.bytes, place);
    else if ('gap' in input) station.gap(input.from, input.gap, place);
  }
  station.end('client', 'fin', place);
  station.end('server', 'fin', place);
}
