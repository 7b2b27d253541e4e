/**
 * Tries every client and transport through every recipe of examples/proxies, and compares the result with docs/proxies.md.
 * `npm run proxies` runs it. RDGW_PROXIES is `write` or `check`, see scripts/proxies.js.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { verifyLimit } from '../lab/proxies/idle.js';
import { measure, proxyName } from '../lab/proxies/measure.js';
import { MORE_RECIPES, RECIPES, type Recipe } from '../lab/proxies/recipes.js';
import { openSite, type ProxySite } from '../lab/proxies/site.js';
import { CLIENTS, documentedRows, type Row, renderTable, writeDocument } from '../lab/proxies/table.js';

const MODE = process.env.RDGW_PROXIES;
const RESULTS = new URL('../../.test-results/', import.meta.url);
/** Thirty cells of some seconds each, and the limits of those that fail. */
const RECIPE_LIMIT_MS = 300_000;

let lab: Lab;
let site: ProxySite;
const documented = documentedRows();
const measured: Row[] = [];
/** Installed programs only. The rows of others stay as they are. */
const recipes: (Recipe & { readonly proxy: string })[] = [];
for (const recipe of [...RECIPES, ...MORE_RECIPES]) {
  const proxy = await proxyName(recipe);
  if (proxy === undefined) process.stderr.write(`NOT RUN ${recipe.file}: ${recipe.program.title} is not installed\n`);
  else recipes.push({ ...recipe, proxy });
}

beforeAll(async () => {
  lab = await openLab('proxies');
  site = await openSite(lab);
});

afterAll(async () => {
  const sameRow = (one: Row) => (other: Row) => one.file === other.file && one.proxy === other.proxy;
  const titles = new Set(recipes.map(({ program }) => program.title));
  const kept = documented.filter((row) => ![...titles].some((title) => row.proxy.startsWith(title)));
  const rows = [...measured, ...kept.filter((row) => !measured.some(sameRow(row)))];
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(fileURLToPath(new URL('proxies.md', RESULTS)), renderTable(rows));
  if (MODE === 'write') writeDocument(rows);
  await lab?.close();
});

it.each(recipes)(
  '$file, $proxy',
  async (recipe) => {
    const { rows, failures } = await measure(site, recipe);
    measured.push(...rows);
    expect(failures).toEqual([]);
    const claimed = documented.filter(({ file, proxy }) => file === recipe.file && proxy === recipe.proxy);
    if (MORE_RECIPES.some(({ program }) => program === recipe.program))
      for (const limit of recipe.limits) await verifyLimit(site, recipe, limit);
    if (MODE === 'check') expect(rows).toEqual(claimed);
    if (MODE === 'write') return;
    const broken = claimed.flatMap(({ transport, marks }) =>
      CLIENTS.filter((client) => {
        const row = rows.find((one) => one.transport === transport);
        return marks[client] === '✓' && row?.marks[client] !== '✓';
      }).map((client) => `${transport}, ${client}`),
    );
    expect(broken).toEqual([]);
  },
  RECIPE_LIMIT_MS,
);
