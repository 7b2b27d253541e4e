import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settingsTable } from '../src/config/index.js';
import { eventsTable } from '../src/gateway/report/events.js';
import { TARGET_CAUSE } from '../src/protocol/effects.js';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('the generated references (npm run docs writes them)', () => {
  it('docs/configuration.md has the settings of the schema', () => {
    expect(read('docs/configuration.md')).toContain(settingsTable().trim());
  });

  it('docs/logs.md has the events of the log', () => {
    expect(read('docs/logs.md')).toContain(eventsTable().trim());
  });
});

it('docs/logs.md names every cause with which a session ends', () => {
  const causes = [
    ...Object.values(TARGET_CAUSE),
    ...[...read('src/protocol/effects.ts').matchAll(/^ {2}\| '([a-z -]+)'/gm)].map(([, cause = '']) => cause),
    ...(/TransportEnd =([^;]+);/.exec(read('src/gateway/transport/transport.ts'))?.[1]?.match(/(?<=')[a-z ]+(?=')/g) ??
      []),
    'client stalled',
    'internal error',
  ].filter((cause) => cause !== 'end');
  expect(causes.length).toBeGreaterThan(12);
  const table = read('docs/logs.md');
  expect(causes.filter((cause) => !table.includes(`| \`${cause}\` |`))).toEqual([]);
});
