import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { NOTES, note, noteOf } from '../../src/capture/notes.js';

const SRC = fileURLToPath(new URL('../../src/capture', import.meta.url));

/** The note codes in the source text, without the codes of capture problems and input faults. */
function codesInSource(): Set<string> {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const text = files.map((name) => readFileSync(join(SRC, name), 'utf8')).join('\n');
  const codes = text.matchAll(/'((?:TLS|HTTP|WS|AUTH|TUNNEL|RPC|CONNECTION|CHANNEL|CONVERSATIONS|INNER)_[A-Z_]+)'/g);
  return new Set([...codes].map(([, code = '']) => code));
}

describe('the table of notes', () => {
  it('has every code that the source uses', () => {
    const codes = [...codesInSource()];
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter((code) => !Object.hasOwn(NOTES, code))).toEqual([]);
  });

  it('has texts of one sentence without a full stop', () => {
    for (const [code, { text }] of Object.entries(NOTES)) {
      expect(text, code).toMatch(/^[A-Za-z].*[^.]$/);
      expect(text.length, code).toBeLessThan(160);
    }
  });

  it('names the section of a specification', () => {
    const empty = Object.entries(NOTES).filter(([, { section }]) => section === '');
    expect(empty.map(([code]) => code)).toEqual(['CONVERSATIONS_MANY', 'PACKETS_SKIPPED']);
    for (const [code, { section }] of Object.entries(NOTES))
      expect(section, code).toMatch(/^(?:\d+(?:\.\d+)*|RFC \d+(?: [\dA-Z.]+)?|draft-[a-z-]+)?$/);
  });

  it('appends the detail of a note', () => {
    expect(note('WS_TEXT', 'from the client')).toEqual({
      code: 'WS_TEXT',
      severity: 'error',
      section: '2.2.3.3',
      text: 'a text frame where packets travel in binary ones: from the client',
    });
    expect(noteOf('UNKNOWN_CODE', undefined)).toMatchObject({ severity: 'note', text: 'unknown code' });
  });
});
