import { describe, expect, it } from 'vitest';
import { sameForEverySplit } from './splits.js';
import { Views } from './views.js';

const BYTES = Buffer.from('some bytes of a stream');

describe('inEverySplit', () => {
  it('returns the result of a reader that does not depend on the split', () => {
    expect(sameForEverySplit(BYTES, (split) => Buffer.concat(split(BYTES)))).toEqual(BYTES);
  });

  it('throws for a reader that depends on the split', () => {
    expect(() => sameForEverySplit(BYTES, (split) => split(BYTES).length)).toThrow('the result differs');
  });

  it('passes copies of the bytes to the reader', () => {
    sameForEverySplit(BYTES, (split) => split(BYTES).map((piece) => piece.fill(0).length > 0)[0]);
    expect(BYTES.toString()).toBe('some bytes of a stream');
  });
});

it('Views detects overwritten bytes', () => {
  const bytes = Buffer.from(BYTES);
  const views = new Views();
  views.add(bytes.subarray(5, 10));
  expect(views.concat().toString()).toBe('bytes');
  bytes[6] = 0;
  expect(() => views.concat()).toThrow('change');
});
