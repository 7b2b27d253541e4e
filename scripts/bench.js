// How fast the gateway is, beside relays that only carry bytes, in the same run: the machine is noisy, the ratios are what counts.
// docs/performance.md says how to use it and how to read it. Numbers never fail a run; bytes that are not those sent do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from './bench/bench.js';
import { chooseCells } from './bench/cells.js';
import { columnsFor } from './bench/columns.js';
import { plain } from './bench/figures.js';
import { Broken } from './bench/load.js';
import { descriptorLimit, machine, machineWords } from './bench/machine.js';
import { nodesFor } from './bench/nodes.js';
import { readOptions, UsageError } from './bench/options.js';
import { markdownOf, textOf } from './bench/table.js';
import { canInstall, installPackages, missingPackages, SetupError } from './debian.js';

/** The relay to compare with, and what builds the generator; util-linux has taskset and chrt. */
const PACKAGES = ['haproxy', 'gcc', 'libc6-dev', 'libssl-dev', 'util-linux'];

const folder = mkdtempSync(join(tmpdir(), 'rdgw-bench-'));
// Programs that were started end with us too (program.js), however we end.
process.on('exit', () => rmSync(folder, { recursive: true }));
process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143));

try {
  await main(readOptions());
} catch (error) {
  const isKnown = [Broken, SetupError, UsageError].some((kind) => error instanceof kind);
  if (!isKnown) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();

async function main(options) {
  setUp();
  const cells = chooseCells(options);
  const columns = columnsFor(options.relays, nodesFor(options));
  const place = machine();
  say(`${machineWords(place)}\n`);
  const bench = new Bench(options, folder);
  await bench.open();
  const results = [];
  for (const cell of cells) {
    if (cell.descriptors > descriptorLimit()) {
      say(`${cell.name}: not run, it needs ${cell.descriptors} file descriptors (ulimit -Hn)\n`);
      continue;
    }
    const result = await measureCell(bench, cell, columns, options.reps);
    results.push(result);
    say(textOf(result));
  }
  const report = { machine: place, quick: options.quick, seconds: options.seconds, results: results.map(plain) };
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.markdown) writeFileSync(options.markdown, `${machineWords(place)}\n\n${markdownOf(results)}`);
}

function setUp() {
  const missing = missingPackages(PACKAGES);
  if (missing.length === 0) return;
  if (!canInstall()) throw new SetupError(`the bench needs the Debian packages ${missing.join(' ')}`);
  installPackages(missing);
}

/** Relays take turns, in the opposite order each time: whatever drifts hits all of them alike. */
async function measureCell(bench, cell, columns, repetitions) {
  const relays = columns.filter(({ kind }) => cell.relays.includes(kind)).map((column) => ({ ...column, figures: [] }));
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const relay of repetition % 2 === 0 ? relays : relays.toReversed()) {
      relay.figures.push(await bench.figures(cell, relay, { first: repetition === 0 }));
    }
  }
  return { cell, relays };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
