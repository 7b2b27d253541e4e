// Writes the table of settings into the README from the schema. Needs a build.
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from '../dist/src/config/index.js';

const file = new URL('../README.md', import.meta.url);
const [start, end] = ['<!-- settings: written by scripts/settings.js -->\n', '<!-- /settings -->'];
const text = readFileSync(file, 'utf8');
const before = text.slice(0, text.indexOf(start) + start.length);
const after = text.slice(text.indexOf(end));
writeFileSync(file, `${before}${settingsTable()}\n${after}`);
