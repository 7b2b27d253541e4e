import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../src/cli/exit.js';
import { EVENTS } from '../src/gateway/report/events.js';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const README = read('README.md');
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'docs/configuration.md',
  'docs/decisions.md',
  'docs/decode.md',
  'docs/logs.md',
  'docs/performance.md',
  'docs/proxies.md',
];

describe('the README', () => {
  it('lists every exit code', () => {
    const start = README.indexOf('| code | meaning |');
    const table = README.slice(start, README.indexOf('\n## ', start));
    for (const code of Object.values(EXIT)) expect(table).toMatch(new RegExp(`^\\|.*\\b${code}\\b`, 'm'));
  });

  it('names only metrics that are served', () => {
    const source = read('src/serve/metrics.ts');
    const named = [...README.matchAll(/`(rdgw_[a-z_]+[a-z])/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !source.includes(name))).toEqual([]);
  });

  it('names only log events that exist', () => {
    const named = [...README.matchAll(/`((?:session|connection|authentication|channel|request)\.[a-z_]+)`/g)];
    expect(named.length).toBeGreaterThan(5);
    expect(named.map(([, name = '']) => name).filter((name) => !(name in EVENTS))).toEqual([]);
  });
});

describe.each(DOCUMENTS)('%s', (path) => {
  const text = read(path);

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(new URL(link, new URL(`../${path}`, import.meta.url))))).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names only source files that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|scripts|commands|docs)\/[\w./-]+\.(?:ts|js|md|c))`/g)];
    expect(
      named.map(([, name = '']) => name).filter((name) => !existsSync(new URL(`../${name}`, import.meta.url))),
    ).toEqual([]);
  });
});

it('docs/proxies.md links every file of examples/proxies', () => {
  const files = readdirSync(new URL('../examples/proxies', import.meta.url));
  expect(files.length).toBeGreaterThan(10);
  const text = read('docs/proxies.md');
  expect(files.filter((file) => !text.includes(`(../examples/proxies/${file})`))).toEqual([]);
});

it('ARCHITECTURE.md stays short', () => {
  expect(read('ARCHITECTURE.md').split('\n').length).toBeLessThan(200);
});
