import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedList } from '../../src/decode/packed-list.js';

describe('packed objects', () => {
  it('are returned unchanged, whatever their size', () => {
    const packed = new PackedList<unknown>();
    const values = [
      '',
      { a: [1, null], b: 'ß€\u{1f600}' },
      'x'.repeat(300_000),
      ...Array.from({ length: 5000 }, (_, i) => ({ i })),
    ];
    const items = values.map((value) => packed.put(value));
    expect(items.map((item) => packed.get(item))).toEqual(values);
  });

  it('may be any JSON value', () => {
    const packed = new PackedList<unknown>();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.stringify(packed.get(packed.put(value)))).toBe(JSON.stringify(value));
      }),
    );
  });
});
