import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyDecoder, LengthDecoder } from '../../src/http/body.js';
import { ChunkedDecoder } from '../../src/http/chunked.js';
import { split } from '../gateway/http/samples.js';

describe('LengthDecoder', () => {
  it('returns the stated number of bytes, in any split, and the following bytes as rest', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.array(fc.nat(60)), (length, cuts) => {
        const bytes = Buffer.from(Array.from({ length: 60 }, (_, index) => index));
        const decoder = new LengthDecoder(length);
        const payload: Buffer[] = [];
        const rest: Buffer[] = [];
        for (const piece of split(bytes, cuts)) {
          payload.push(decoder.write(piece));
          rest.push(decoder.rest);
        }
        expect(decoder.done).toBe(true);
        expect(Buffer.concat(payload)).toEqual(bytes.subarray(0, length));
        expect(Buffer.concat(rest)).toEqual(bytes.subarray(length));
      }),
    );
  });

  it('supports lengths above 2 GiB and does not buffer', () => {
    const length = 2 ** 40;
    const decoder = new LengthDecoder(length);
    const piece = Buffer.alloc(1000);
    for (let sent = 0; sent < 100; sent++) expect(decoder.write(piece).buffer).toBe(piece.buffer);
    expect(decoder.done).toBe(false);
  });
});

describe('bodyDecoder', () => {
  it('returns the decoder for the framing', () => {
    expect(bodyDecoder('chunked')).toBeInstanceOf(ChunkedDecoder);
    const counted = bodyDecoder({ length: 3 });
    expect(counted.write(Buffer.from('abcd')).toString()).toBe('abc');
    const none = bodyDecoder('none');
    expect(none.done).toBe(true);
    expect(none.write(Buffer.from('x'))).toHaveLength(0);
    expect(none.rest.toString()).toBe('x');
  });
});
