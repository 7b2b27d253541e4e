/** Station input in random chunks, with damage, or random bytes. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_FAILURES } from '../../../src/capture/tls/index.js';
import type { Sender } from '../../../src/capture/types.js';
import type { Chunk } from '../../support/tls-tap.js';
import { FROM_CLIENT, FROM_SERVER, NAMES, packets, type Recordings, recordAll } from './recordings.js';
import { decrypt, type Input, split } from './through.js';

let recordings: Recordings;
beforeAll(async () => {
  recordings = await recordAll();
});

describe('chunk sizes', () => {
  it('do not change the events', () => {
    for (const name of NAMES) {
      const { chunks, keys } = recordings[name];
      const whole = decrypt(chunks, keys).summary;
      fc.assert(
        fc.property(
          fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 40_000 }))),
          (sizes) => {
            expect(
              decrypt(
                split(chunks, () => sizes.next().value ?? 1),
                keys,
              ).summary,
            ).toEqual(whole);
          },
        ),
        { numRuns: 15 },
      );
    }
  });

  it('of one byte do not change the events', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const start = chunks.slice(0, 20);
    expect(
      decrypt(
        split(start, () => 1),
        keys,
      ).summary,
    ).toEqual(decrypt(start, keys).summary);
  });

  it('the ServerHello may be captured before the ClientHello', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const [hello, answer, ...others] = chunks as [Chunk, Chunk, ...Chunk[]];
    expect([hello.from, answer.from]).toEqual(['client', 'server']);
    const outcome = decrypt([answer, hello, ...others], keys);
    expect(outcome.text('client').equals(FROM_CLIENT)).toBe(true);
    expect(outcome.text('server').equals(FROM_SERVER)).toBe(true);
    expect(outcome.notes).toEqual([]);
  });
});

describe('streams other than TLS', () => {
  it('pass unchanged in any chunk size', () => {
    const chunks: Chunk[] = [
      { from: 'client', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
      { from: 'server', bytes: Buffer.from('HTTP/1.1 200 OK\r\n\r\n') },
      { from: 'client', bytes: Buffer.from([22, 3, 3, 0, 1]) },
    ];
    for (const size of [1, 2, 3, 100]) {
      const outcome = decrypt(
        split(chunks, () => size),
        '',
      );
      expect(outcome.order).toEqual(['client 18', 'server 19', 'client 5']);
      expect(outcome).toMatchObject({ notes: [], infos: [], ends: ['client fin', 'server fin'] });
    }
  });

  it('keep gaps, and bytes that are too few to detect TLS', () => {
    const gap: Input[] = [
      { from: 'server', gap: 7 },
      { from: 'server', bytes: Buffer.from('plain') },
      { from: 'server', gap: undefined },
    ];
    expect(decrypt(gap, '').order).toEqual(['gap server 7', 'server 5', 'gap server ?']);
    const few = decrypt([{ from: 'client', bytes: Buffer.from([22, 3]) }], '');
    expect(few).toMatchObject({ order: ['client 2'], ends: ['client fin', 'server fin'] });
  });

  it('a server that answers TLS in plain text is noted', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const answer = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    for (const size of [1, 100]) {
      const outcome = decrypt([chunks[0] as Chunk, ...split([{ from: 'server', bytes: answer }], () => size)], keys);
      expect(outcome.text('server').equals(answer)).toBe(true);
      expect(outcome.codes).toEqual(['TLS_NOT_TLS', 'TLS_HANDSHAKE_UNFINISHED']);
    }
  });

  it('a TLS connection without its handshake is dropped and noted', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const outcome = decrypt(chunks.slice(12), keys);
    expect(outcome).toMatchObject({ infos: [], order: ['gap client ?', 'gap server ?'] });
    expect(outcome.codes).toEqual(['TLS_NO_HANDSHAKE']);
  });
});

describe('damage', () => {
  it('a record that does not authenticate becomes a gap', () => {
    for (const name of NAMES) {
      const { chunks, keys } = recordings[name];
      const at = chunks.findIndex((chunk, index) => index > 12 && chunk.from === 'client' && chunk.bytes.length > 1400);
      const outcome = decrypt(
        chunks.map((chunk, index) => (index === at ? flip(chunk, 200) : chunk)),
        keys,
      );
      expect(outcome.codes).toEqual(['TLS_RECORD_NOT_AUTHENTIC']);
      expect(outcome.gaps).toEqual([{ from: 'client', length: name === 'TLS 1.2 CBC' ? undefined : 1400 }]);
      expect(outcome.text('client')).toHaveLength(FROM_CLIENT.length - 1400);
      expect(outcome.text('server').equals(FROM_SERVER)).toBe(true);
    }
  });

  it('wrong keys: the direction is dropped after a few records', () => {
    const { chunks, keys } = recordings['TLS 1.3'];
    const wrong = keys.replace(/ [0-9a-f]{64}$/gm, ` ${'ab'.repeat(32)}`);
    const outcome = decrypt(chunks, wrong);
    expect(outcome.order.sort()).toEqual(['gap client ?', 'gap server ?']);
    expect(outcome.codes.filter((code) => code === 'TLS_GIVEN_UP')).toHaveLength(2);
    expect(outcome.codes.length).toBeLessThanOrEqual(2 * MAX_FAILURES);
  });

  it('mutations never cause an exception or wrong plaintext', () => {
    const lines = new Map(NAMES.map((name) => [name, packets(recordings[name], 3000)]));
    const mutation = fc.record({
      kind: fc.constantFrom('flip', 'drop', 'twice', 'swap', 'cut', 'gap', 'end'),
      at: fc.nat(60),
      bit: fc.nat(24_000),
    });
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.array(mutation, { minLength: 1, maxLength: 6 }), (name, mutations) => {
        const inputs: Input[] = [...(lines.get(name) ?? [])];
        for (const { kind, at, bit } of mutations) {
          const input = inputs[at];
          if (!input || !('bytes' in input)) continue;
          if (kind === 'flip') inputs[at] = flip(input, bit >> 3);
          if (kind === 'drop') inputs.splice(at, 1);
          if (kind === 'twice') inputs.splice(at, 0, input);
          if (kind === 'swap') inputs.splice(at, 2, ...inputs.slice(at, at + 2).reverse());
          if (kind === 'cut') inputs[at] = { ...input, bytes: input.bytes.subarray(0, bit % (input.bytes.length + 1)) };
          if (kind === 'gap') inputs.splice(at, 0, { from: input.from, gap: bit });
          if (kind === 'end') inputs.splice(at);
        }
        const outcome = decrypt(inputs, recordings[name].keys);
        expect(outcome.ends).toEqual(['client fin', 'server fin']);
        if (outcome.infos.some((info) => info.keys === 'found') && !outcome.codes.includes('TLS_NOT_TLS')) {
          for (const piece of outcome.client) expect(FROM_CLIENT.includes(piece)).toBe(true);
          for (const piece of outcome.server) expect(FROM_SERVER.includes(piece)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('random bytes after a ClientHello never cause an exception', () => {
    const hello = recordings['TLS 1.3'].chunks[0] as Chunk;
    const record = fc
      .tuple(fc.integer({ min: 20, max: 24 }), fc.uint8Array({ maxLength: 200 }))
      .map(([type, body]) => Buffer.from([type, 3, 3, 0, body.length, ...body]));
    const chunk = fc.record({
      from: fc.constantFrom<Sender>('client', 'server'),
      bytes: fc.oneof(
        record,
        fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      ),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
        expect(decrypt([hello, ...chunks], recordings['TLS 1.3'].keys).ends).toEqual(['client fin', 'server fin']);
      }),
      { numRuns: 200 },
    );
  });
});

function flip(chunk: Chunk, at: number): Chunk {
  const bytes = Buffer.from(chunk.bytes);
  const index = at % Math.max(1, bytes.length);
  if (bytes.length > 0) bytes[index] = (bytes[index] ?? 0) ^ 0x10;
  return { from: chunk.from, bytes };
}
