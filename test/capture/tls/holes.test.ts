/** Packets that the capture does not have. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyLog, TlsStation } from '../../../src/capture/tls/index.js';
import type { Sender } from '../../../src/capture/types.js';
import { drop, FROM_CLIENT, FROM_SERVER, NAMES, type Name, packets, type Recordings, recordAll } from './recordings.js';
import { cut, type Input, Outcome, through } from './through.js';

let recordings: Recordings;
beforeAll(async () => {
  recordings = await recordAll();
});

describe('holes', () => {
  /** Every lost packet of data leaves a gap of the right length, and everything else stays where it was. */
  function expectOnlyHoles(name: Name, inputs: readonly Input[], keys: string): number {
    let known = 0;
    const outcome = new Filled();
    run(inputs, keys, outcome);
    for (const [from, whole] of [
      ['client', FROM_CLIENT],
      ['server', FROM_SERVER],
    ] as const) {
      if (outcome.unknown.has(from)) continue;
      const { got, holes } = outcome.streams[from];
      const filled = Buffer.concat(got);
      for (const [start, end] of holes) whole.copy(filled, start, start, end);
      expect(filled.equals(whole), `${name}, ${from}`).toBe(true);
      known += holes.length;
    }
    return known;
  }

  for (const name of NAMES.filter((one) => one !== 'TLS 1.2 CBC')) {
    it(`${name}: one packet is missing`, () => {
      const all = packets(recordings[name]);
      const { keys } = recordings[name];
      let known = 0;
      for (let lost = 12; lost < all.length - 4; lost += 3) {
        known += expectOnlyHoles(name, drop(all, new Set([lost])), keys);
      }
      expect(known).toBeGreaterThan(20);
    });

    it(`${name}: any packets are missing`, () => {
      const all = packets(recordings[name]);
      const { keys } = recordings[name];
      fc.assert(
        fc.property(fc.uniqueArray(fc.integer({ min: 0, max: all.length - 1 }), { maxLength: 12 }), (lost) => {
          expectOnlyHoles(name, drop(all, new Set(lost)), keys);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('TLS 1.2 CBC: the length of a hole cannot be told', () => {
    const all = packets(recordings['TLS 1.2 CBC']);
    const lost = all.findIndex((one, at) => at > 20 && one.from === 'server');
    const outcome = through(drop(all, new Set([lost])), recordings['TLS 1.2 CBC'].keys);
    expect(outcome.gaps).toEqual([{ from: 'server', length: undefined }]);
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
    expect(outcome.text('server').subarray(-6000).equals(FROM_SERVER.subarray(-6000))).toBe(true);
  });

  it('a gap of unknown length is got over too', () => {
    const all = packets(recordings['TLS 1.3']);
    const lost = all.findIndex((one, at) => at > 20 && one.from === 'server');
    const inputs = drop(all, new Set([lost])).map((one) => ('gap' in one ? { ...one, gap: undefined } : one));
    const outcome = through(inputs, recordings['TLS 1.3'].keys);
    expect(outcome.gaps).toEqual([{ from: 'server', length: undefined }]);
    expect(outcome.text('server').subarray(-6000).equals(FROM_SERVER.subarray(-6000))).toBe(true);
  });

  it('the end of the handshake is missing', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    // The server's certificate and Finished lie behind its hello, in one or two reads.
    const all = [...cut(chunks, () => 400)];
    const second = all.findIndex((one, at) => one.from === 'server' && all[at - 1]?.from === 'server');
    const outcome = through(drop(all, new Set([second])), keys);
    expect(outcome.text('server').equals(FROM_SERVER)).toBe(true);
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
  });
});

/** Puts zeros where a gap says how much is missing. */
class Filled extends Outcome {
  readonly streams: Record<Sender, { got: Buffer[]; length: number; holes: [number, number][] }> = {
    client: { got: [], length: 0, holes: [] },
    server: { got: [], length: 0, holes: [] },
  };
  readonly unknown = new Set<Sender>();

  override bytes(from: Sender, bytes: Buffer): void {
    const stream = this.streams[from];
    stream.got.push(Buffer.from(bytes));
    stream.length += bytes.length;
  }

  override gap(from: Sender, length: number | undefined): void {
    const stream = this.streams[from];
    if (length === undefined) this.unknown.add(from);
    stream.holes.push([stream.length, stream.length + (length ?? 0)]);
    stream.got.push(Buffer.alloc(length ?? 0));
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
