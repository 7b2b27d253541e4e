import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedList } from '../../src/decode/packed-list.js';

describe('packed objects', () => {
  it('come out as they went in, whatever their size', () => {
    const packed = new PackedList<unknown>();
    const values = [
      '',
      { a: [1, null], b: 'ß€\u{1f600}' },
      'x'.repeat(300_000),
      ...Array.from({ length: 5000 }, (_, i) => ({ i })),
    ];
    const parcels = values.map((value) => packed.put(value));
    expect(parcels.map((parcel) => packed.get(parcel))).toEqual(values);
  });

  it('of any kind that JSON knows', () => {
    const packed = new PackedList<unknown>();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.stringify(packed.get(packed.put(value)))).toBe(JSON.stringify(value));
      }),
    );
  });
});
