import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EVENTS } from '../../../src/gateway/report/events.js';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));
const TEXT = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('events.ts'))
  .map((name) => readFileSync(`${SRC}/${name}`, 'utf8'))
  .join('\n');

describe('the table of log events', () => {
  it('has names of a subject and what happened to it', () => {
    for (const name of Object.keys(EVENTS)) expect(name).toMatch(/^[a-z]+\.[a-z]+(?:_[a-z]+)*$/);
  });

  it('has no event that the source never logs', () => {
    expect(Object.keys(EVENTS).filter((name) => !TEXT.includes(`'${name}'`))).toEqual([]);
  });

  it('has a different message of one line for each event', () => {
    const messages = Object.values(EVENTS).map(({ message }) => message);
    expect(new Set(messages).size).toBe(messages.length);
    for (const message of messages) expect(message).toMatch(/^[^\n."]+$/);
  });
});
