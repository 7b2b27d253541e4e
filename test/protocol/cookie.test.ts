import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, decodePaaCookie, encodePaaCookie, MAX_COUNTED_BYTES } from '../../src/protocol/index.js';
import { vector } from './vectors.js';

describe('the PAA cookie', () => {
  it.each(['fr2-paa-ws-tunnel-create', 'fr3-sent-tunnel-create-token'])('is decoded as FreeRDP sends it: %s', (id) => {
    const { paaCookie } = decode(vector(id)).fields as { paaCookie: Buffer };
    expect(decodePaaCookie(paaCookie)).toBe('TOKEN123');
    expect(encodePaaCookie('TOKEN123').equals(paaCookie)).toBe(true);
  });

  it('may have 250 characters', () => {
    const { paaCookie } = decode(vector('fr2-sent-tunnel-create-token-250')).fields as { paaCookie: Buffer };
    expect(decodePaaCookie(paaCookie)).toMatch(/^[\w-]{250}$/);
  });

  it('is decoded to the encoded text', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, (token) => {
        expect(decodePaaCookie(encodePaaCookie(token))).toBe(token);
      }),
    );
  });

  it('is decoded without a terminator and with several', () => {
    expect(decodePaaCookie(Buffer.from('abc', 'utf16le'))).toBe('abc');
    expect(decodePaaCookie(Buffer.from('abc\0\0\0', 'utf16le'))).toBe('abc');
  });

  it.each([
    ['empty input', Buffer.alloc(0)],
    ['only terminators', Buffer.alloc(8)],
    ['an odd length', Buffer.from('abc')],
    ['a NUL inside', Buffer.from('a\0b', 'utf16le')],
    ['half a surrogate pair', Buffer.from('34d8', 'hex')],
  ])('%s is not a token', (_, cookie) => {
    expect(decodePaaCookie(cookie)).toBeUndefined();
  });

  it('is never decoded to a text with a NUL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const token = decodePaaCookie(Buffer.from(bytes));
        if (token !== undefined) expect(token).toMatch(/^[^\0]+$/);
      }),
    );
  });

  it('is decoded in linear time if it is full of NULs', () => {
    const cookie = Buffer.alloc(MAX_COUNTED_BYTES - 1);
    cookie.writeUInt16LE(0x78, cookie.length - 2);
    // In quadratic time, each of these would take more than a second, and all of them more than the test timeout.
    for (let round = 0; round < 50; round++) expect(decodePaaCookie(cookie)).toBeUndefined();
  });
});
