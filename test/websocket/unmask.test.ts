import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose, type Unmask, unmask, unmaskWords } from '../../src/websocket/unmask.js';

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const payload = fc.uint8Array({ maxLength: 400 });

/** RFC 6455 section 5.3, word for word. */
const transformed = (bytes: Uint8Array, key: Buffer): Buffer =>
  Buffer.from(bytes.map((octet, index) => octet ^ (key[index % 4] as number)));

describe.each<[string, Unmask]>([
  ['as this machine has it', unmask],
  ['in words', (chunk, from, to, key) => unmaskWords(chunk.subarray(from, to), key)],
  ['without native code', choose(undefined)],
])('unmask %s', (_, take) => {
  it('does what the RFC says, wherever the bytes begin', () => {
    fc.assert(
      fc.property(payload, mask, fc.nat(7), (bytes, key, offset) => {
        const memory = Buffer.alloc(offset + bytes.length + 8, 0xee);
        memory.set(bytes, offset);
        take(memory, offset, offset + bytes.length, key);
        expect(memory.subarray(offset, offset + bytes.length)).toEqual(transformed(bytes, key));
        // Not a byte around them.
        expect(memory.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(memory.subarray(offset + bytes.length).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });
});

it('long payloads go to native code where there is some, short ones never', () => {
  const lengths: number[] = [];
  const take = choose((bytes) => void lengths.push(bytes.length));
  for (const length of [0, 1, 64, 1024, 16_384]) take(Buffer.alloc(length), 0, length, Buffer.alloc(4));
  expect(lengths).toEqual([1024, 16_384]);
});
