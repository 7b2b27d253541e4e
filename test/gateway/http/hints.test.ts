import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HINTS } from '../../../src/gateway/http/hints.js';

const FOLDERS = ['src/http', 'src/gateway/http', 'src/gateway/listener'];
const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name !== 'hints.ts')
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8')),
).join('\n');
const codes = new Set(
  [
    ...[...sources.matchAll(/new HeadError\(\s*'(\w+)'/g)].map(([, code]) => code),
    ...[...sources.matchAll(/status: \d+,\s*code: '(\w+)'/g)].map(([, code]) => code),
    // The faults of a line (src/http/lines.ts).
    ...['NUL', 'BARE_CR', 'BARE_LF', 'CONTROL'].map((fault) => `HEAD_${fault}`),
  ].filter((code) => code !== undefined),
);

describe('every refusal says what to change', () => {
  it('and no row is for a code that does not exist', () => {
    expect(codes.size).toBeGreaterThan(35);
    expect(Object.keys(HINTS).sort()).toEqual([...codes].sort());
  });

  it.each(Object.entries(HINTS))('%s in one short line', (_, hint) => {
    expect(hint).toMatch(/^[\x20-\x7e]{15,170}$/);
    expect(hint).not.toMatch(/[.]$|^[A-Z][a-z]+ /);
  });
});
