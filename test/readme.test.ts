import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../src/cli/exit.js';
import { settingsTable } from '../src/config/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the README', () => {
  it('has the settings of the schema (npm run docs writes them)', () => {
    expect(readme).toContain(settingsTable().trim());
  });

  it('names every exit code', () => {
    const table = readme.slice(readme.indexOf('| code | meaning |'), readme.indexOf('## Who may come'));
    for (const code of Object.values(EXIT)) expect(table).toMatch(new RegExp(`^\\|.*\\b${code}\\b`, 'm'));
  });
});
