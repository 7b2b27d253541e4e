import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseUnmask, type Unmask, unmask, unmaskWords } from '../../src/websocket/unmask.js';

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const payload = fc.uint8Array({ maxLength: 400 });

/** The algorithm of RFC 6455 section 5.3. */
const transformed = (bytes: Uint8Array, key: Buffer): Buffer =>
  Buffer.from(bytes.map((octet, index) => octet ^ (key[index % 4] as number)));

describe.each<[string, Unmask]>([
  ['with the implementation for this machine', unmask],
  ['with 32-bit words', (chunk, from, to, key) => unmaskWords(chunk.subarray(from, to), key)],
  ['without native code', chooseUnmask(undefined)],
])('unmask %s', (_, unmaskRange) => {
  it('implements the algorithm of the RFC at any offset', () => {
    fc.assert(
      fc.property(payload, mask, fc.nat(7), (bytes, key, offset) => {
        const memory = Buffer.alloc(offset + bytes.length + 8, 0xee);
        memory.set(bytes, offset);
        unmaskRange(memory, offset, offset + bytes.length, key);
        expect(memory.subarray(offset, offset + bytes.length)).toEqual(transformed(bytes, key));
        // Bytes outside the range are not changed.
        expect(memory.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(memory.subarray(offset + bytes.length).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });
});

it('only long payloads are passed to native code', () => {
  const lengths: number[] = [];
  const unmaskRange = chooseUnmask((bytes) => void lengths.push(bytes.length));
  for (const length of [0, 1, 64, 1024, 16_384]) unmaskRange(Buffer.alloc(length), 0, length, Buffer.alloc(4));
  expect(lengths).toEqual([1024, 16_384]);
});
