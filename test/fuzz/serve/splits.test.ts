import { describe, expect, it } from 'vitest';
import { inEverySplit } from './splits.js';
import { Views } from './views.js';

const BYTES = Buffer.from('some bytes of a stream');

describe('inEverySplit', () => {
  it('gives what is read of every split', () => {
    expect(inEverySplit(BYTES, (cut) => Buffer.concat(cut(BYTES)))).toEqual(BYTES);
  });

  it('finds a reader to whom the split matters', () => {
    expect(() => inEverySplit(BYTES, (cut) => cut(BYTES).length)).toThrow('something else is read');
  });

  it('leaves the bytes alone, whatever the reader does to its own', () => {
    inEverySplit(BYTES, (cut) => cut(BYTES).map((piece) => piece.fill(0).length > 0)[0]);
    expect(BYTES.toString()).toBe('some bytes of a stream');
  });
});

it('views notice what is written over them', () => {
  const bytes = Buffer.from(BYTES);
  const views = new Views();
  views.take(bytes.subarray(5, 10));
  expect(views.joined().toString()).toBe('bytes');
  bytes[6] = 0;
  expect(() => views.joined()).toThrow('change');
});
