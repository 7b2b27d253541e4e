// How fast the gateway is, beside relays that only carry bytes, in the same run: the machine is noisy, the ratios are what counts.
// Usage: npm run bench [-- --quick] [-- --cells down,up16 --relays gateway,pipe --reps 5 --seconds 1 --json FILE --markdown FILE]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bench } from './bench/bench.js';
import { CELLS } from './bench/cells.js';
import { columnsFor } from './bench/columns.js';
import { Broken } from './bench/load.js';
import { markdownOf, textOf } from './bench/table.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cells: { type: 'string' },
    relays: { type: 'string', default: 'gateway,dual,pipe,haproxy,raw' },
    reps: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    node: { type: 'string', multiple: true, default: [] },
    versions: { type: 'string', default: '' },
    'serve-args': { type: 'string', default: '' },
  },
});
const { quick } = values;
const options = {
  quick,
  reps: Number(values.reps ?? (quick ? 1 : 5)),
  seconds: Number(values.seconds ?? (quick ? 0.25 : 1)),
  warmUp: quick ? 0.1 : 0.5,
  serveArgs: values['serve-args'].split(' ').filter(Boolean),
};
const folder = mkdtempSync(join(tmpdir(), 'rdgw-bench-'));

try {
  const cells = chosenCells();
  const columns = columnsFor({
    relays: values.relays,
    nodes: [{ node: process.execPath, version: process.version, own: true }],
  });
  const bench = new Bench(options, folder);
  await bench.open();
  const relays = new Map();
  const results = [];
  for (const cell of cells) {
    const result = { cell, relays: columns.filter(belongsTo(cell)).map((column) => ({ ...column, figures: [] })) };
    for (let repetition = 0; repetition < options.reps; repetition++) {
      const order = repetition % 2 === 0 ? result.relays : result.relays.toReversed();
      for (const column of order) column.figures.push(await figuresOf(bench, cell, column, relays, repetition === 0));
    }
    results.push(result);
    say(textOf(result));
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ options, results }, null, 2)}\n`);
  if (values.markdown) writeFileSync(values.markdown, markdownOf(results));
} catch (error) {
  if (!(error instanceof Broken)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
process.exit();

function chosenCells() {
  const usual = CELLS.filter(({ slow }) => !(quick && slow));
  const names = values.cells?.split(',') ?? usual.map(({ name }) => name);
  return names.map((name) => {
    const cell = CELLS.find((each) => each.name === name);
    if (cell) return cell;
    throw new Error(`there is no cell "${name}"; there are ${CELLS.map((each) => each.name).join(', ')}`);
  });
}

function belongsTo(cell) {
  const kinds = cell.relays ?? ['gateway', 'pipe', 'haproxy', 'raw'];
  return ({ kind }) => kinds.includes(kind);
}

/** Relays stay up for the whole run, unless a cell wants a fresh one each time. */
async function figuresOf(bench, cell, column, relays, first) {
  if (cell.fresh) {
    const relay = await bench.start(column);
    const figures = await cell.run(bench, relay, first);
    await relay.stop();
    return figures;
  }
  if (!relays.has(column.process)) relays.set(column.process, await bench.start(column));
  const relay = { ...relays.get(column.process), ...column };
  return cell.run(bench, relay, first);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
