/** Keys that are added late, incomplete or missing. */
import { beforeAll, describe, expect, it } from 'vitest';
import { KeyLog, MAX_HELD, MAX_HELD_TOTAL, TlsStation } from '../../../src/capture/tls/index.js';
import { FROM_CLIENT, FROM_SERVER, NAMES, packets, type Recordings, recordAll } from './recordings.js';
import { decrypt, Outcome } from './through.js';

let recordings: Recordings;
beforeAll(async () => {
  recordings = await recordAll();
});

describe('keys', () => {
  it('added late: no data is lost within the buffer limits', () => {
    for (const name of NAMES) {
      const { chunks, keys } = recordings[name];
      for (const after of [1, 3, 6, chunks.length]) {
        const outcome = decrypt([...chunks.slice(0, after), { keys }, ...chunks.slice(after)], '');
        expect(outcome.summary).toEqual(decrypt(chunks, keys).summary);
      }
    }
  });

  it('added after the buffer was full: the data has one gap', () => {
    const all = packets(recordings['TLS 1.3']);
    const log = new KeyLog();
    // Other connections use nearly all of the shared limit.
    log.held = MAX_HELD_TOTAL - 40_000;
    const outcome = decrypt([...all.slice(0, -12), { keys: recordings['TLS 1.3'].keys }, ...all.slice(-12)], log);
    expect(outcome.infos.map((info) => info.keys)).toEqual(['missing', 'found']);
    expect(outcome.codes).toEqual(['TLS_NO_KEYS']);
    expect(FROM_SERVER.indexOf(outcome.server[0] ?? 'none')).toBe(0);
    expect(outcome.text('server').subarray(-6000).equals(FROM_SERVER.subarray(-6000))).toBe(true);
    expect(outcome.text('server').length).toBeLessThan(FROM_SERVER.length);
    const missing = outcome.gaps.filter((gap) => gap.from === 'server').map((gap) => gap.length);
    expect(missing).toEqual([FROM_SERVER.length - outcome.text('server').length]);
    expect(log.held).toBe(MAX_HELD_TOTAL - 40_000);
  });

  it('missing: one note with the client random, and one gap per direction', () => {
    for (const name of NAMES) {
      const { chunks, keys } = recordings[name];
      const random = / ([0-9a-f]{64}) /.exec(keys)?.[1];
      const outcome = decrypt(chunks, '');
      expect(outcome.infos).toMatchObject([{ keys: 'missing', sni: 'localhost', clientRandom: random }]);
      expect(outcome.notes).toMatchObject([{ code: 'TLS_NO_KEYS', detail: `client random ${random}` }]);
      expect(outcome.order.sort()).toEqual(['gap client ?', 'gap server ?']);
      expect(outcome.ends.sort()).toEqual(['client fin', 'server fin']);
    }
  });

  it('of other connections: noted with their number', () => {
    for (const name of NAMES) {
      const { chunks, keys } = recordings[name];
      const random = / ([0-9a-f]{64}) /.exec(keys)?.[1];
      const line = (digit: string): string => `CLIENT_RANDOM ${digit.repeat(64)} ${'01'.repeat(48)}\n`;
      expect(decrypt(chunks, line('a') + line('b')).notes).toMatchObject([
        { code: 'TLS_KEYS_OTHER', detail: `client random ${random}, not among the 2 that it has` },
      ]);
    }
  });

  it('of this connection, but incomplete: noted', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const [note] = decrypt(chunks, keys.replace(/^\w+_TRAFFIC_SECRET_0 .*$/gm, '')).notes;
    expect(note).toMatchObject({
      code: 'TLS_KEYS_OTHER',
      detail: expect.stringMatching(/, only some of its secrets are there$/),
    });
  });

  it('for application data alone are sufficient in TLS 1.3', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const outcome = decrypt(chunks, keys.replace(/^\w+_HANDSHAKE_.*$/gm, ''));
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
    expect(outcome.text('server').equals(FROM_SERVER)).toBe(true);
    expect(outcome).toMatchObject({ notes: [], gaps: [], infos: [{ keys: 'found' }] });
  });

  it('missing for many connections: buffered bytes stay within the limits and are released', () => {
    const log = new KeyLog();
    const { chunks } = recordings['TLS 1.3'];
    const place = { frame: 1, time: 1n };
    const stations = Array.from({ length: 120 }, () => new TlsStation(log, new Outcome()));
    let peak = 0;
    for (const station of stations) {
      const before = log.held;
      for (let round = 0; round < 3; round++) {
        for (const { from, bytes } of round === 0 ? chunks : chunks.slice(12)) station.bytes(from, bytes, place);
      }
      expect(log.held - before).toBeLessThanOrEqual(MAX_HELD);
      peak = Math.max(peak, log.held);
    }
    expect(peak).toBeGreaterThan(MAX_HELD_TOTAL - MAX_HELD);
    expect(peak).toBeLessThanOrEqual(MAX_HELD_TOTAL);
    for (const station of stations) {
      station.end('client', 'capture ended', place);
      station.end('server', 'capture ended', place);
    }
    expect(log.held).toBe(0);
  });
});
