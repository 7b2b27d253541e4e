import { describe, expect, it } from 'vitest';
import { parseTtl } from '../../src/cli/ttl.js';

describe('parseTtl', () => {
  it.each([
    ['1m', 60_000],
    ['30m', 1_800_000],
    ['8h', 28_800_000],
    ['7d', 604_800_000],
    ['30d', 2_592_000_000],
  ])('parses %s', (text, milliseconds) => {
    expect(parseTtl(text)).toBe(milliseconds);
  });
  it.each(['', '8', 'h', '0m', '-1h', '1.5h', '31d', '721h', '8H', '8 h', '8h\n', '9999999m', '1e3m', '٣h'])(
    'rejects %j',
    (text) => {
      expect(() => parseTtl(text)).toThrow(expect.objectContaining({ kind: 'usage', code: 'TTL_INVALID' }));
    },
  );
});
