import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Joined } from '../../src/protocol/joined-bytes.js';

/** Ranges with gaps between them, which stand for framing. */
const ranges = fc.array(fc.record({ gap: fc.nat(5), length: fc.nat(20) }), { maxLength: 12 });

describe('Joined', () => {
  it('concatenates the ranges', () => {
    fc.assert(
      fc.property(ranges, fc.nat(12), (layout, takenAfter) => {
        const total = layout.reduce((sum, { gap, length }) => sum + gap + length, 0);
        const bytes = Buffer.from(Array.from({ length: total }, (_, index) => index));
        const original = Buffer.from(bytes);
        const joined = new Joined(bytes);
        const expected: Buffer[] = [];
        const taken: Buffer[] = [];
        let at = 0;
        layout.forEach(({ gap, length }, index) => {
          if (index === takenAfter) taken.push(Buffer.from(joined.take()));
          joined.add(at + gap, at + gap + length);
          expected.push(original.subarray(at + gap, at + gap + length));
          at += gap + length;
        });
        taken.push(Buffer.from(joined.take()));
        expect(Buffer.concat(taken)).toEqual(Buffer.concat(expected));
      }),
    );
  });

  it('does not move a single range', () => {
    const bytes = Buffer.from('header payload');
    const joined = new Joined(bytes);
    joined.add(7, 14);
    const taken = joined.take();
    expect(taken.toString()).toBe('payload');
    expect(taken.byteOffset).toBe(bytes.byteOffset + 7);
    expect(bytes.toString()).toBe('header payload');
  });
});
