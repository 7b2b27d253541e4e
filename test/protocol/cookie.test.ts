import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, decodePaaCookie, encodePaaCookie, MAX_COUNTED_BYTES } from '../../src/protocol/index.js';
import { vector } from './vectors.js';

describe('the PAA cookie', () => {
  it.each(['fr2-paa-ws-tunnel-create', 'fr3-sent-tunnel-create-token'])('is read as FreeRDP sends it: %s', (id) => {
    const { paaCookie } = decode(vector(id)).fields as { paaCookie: Buffer };
    expect(decodePaaCookie(paaCookie)).toBe('TOKEN123');
    expect(encodePaaCookie('TOKEN123').equals(paaCookie)).toBe(true);
  });

  it('of 250 characters survives', () => {
    const { paaCookie } = decode(vector('fr2-sent-tunnel-create-token-250')).fields as { paaCookie: Buffer };
    expect(decodePaaCookie(paaCookie)).toMatch(/^[\w-]{250}$/);
  });

  it('comes back as it was written', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, (token) => {
        expect(decodePaaCookie(encodePaaCookie(token))).toBe(token);
      }),
    );
  });

  it('is read without a terminator and with several', () => {
    expect(decodePaaCookie(Buffer.from('abc', 'utf16le'))).toBe('abc');
    expect(decodePaaCookie(Buffer.from('abc\0\0\0', 'utf16le'))).toBe('abc');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['only terminators', Buffer.alloc(8)],
    ['an odd length', Buffer.from('abc')],
    ['a NUL inside', Buffer.from('a\0b', 'utf16le')],
    ['half a surrogate pair', Buffer.from('34d8', 'hex')],
  ])('%s is no token', (_, cookie) => {
    expect(decodePaaCookie(cookie)).toBeUndefined();
  });

  it('any bytes are a token or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const token = decodePaaCookie(Buffer.from(bytes));
        if (token !== undefined) expect(token).toMatch(/^[^\0]+$/);
      }),
    );
  });

  it('a cookie full of NULs costs one pass, not one pass for each of them', () => {
    const cookie = Buffer.alloc(MAX_COUNTED_BYTES - 1);
    cookie.writeUInt16LE(0x78, cookie.length - 2);
    // Quadratic, each of these takes more than a second, all of them more than a test may take.
    for (let round = 0; round < 50; round++) expect(decodePaaCookie(cookie)).toBeUndefined();
  });
});
