// Measures the gateway and, in the same run, relays that only copy bytes. Absolute figures vary with the load of the
// machine, so the ratios are the result. docs/performance.md explains usage and output. No figure fails a run;
// corrupted bytes do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from './bench/bench.js';
import { chooseCells } from './bench/cells.js';
import { columnsFor } from './bench/columns.js';
import { linesOf, reportOf } from './bench/figures.js';
import { InvalidRunError } from './bench/load.js';
import { describeMachine, descriptorLimit, machine } from './bench/machine.js';
import { nodesFor } from './bench/nodes.js';
import { readOptions, UsageError } from './bench/options.js';
import { markdownOf, textOf } from './bench/table.js';
import { canInstall, installPackages, missingPackages, SetupError } from './debian.js';

/** haproxy is a relay to compare with, util-linux has taskset and chrt, the others build the generator. */
const PACKAGES = ['haproxy', 'gcc', 'libc6-dev', 'libssl-dev', 'util-linux'];

const folder = mkdtempSync(join(tmpdir(), 'rdgw-bench-'));
// program.js ends the started programs when this process exits.
process.on('exit', () => rmSync(folder, { recursive: true }));
process.on('SIGINT', () => process.exit(130)).on('SIGTERM', () => process.exit(143));

try {
  await main(readOptions());
} catch (error) {
  const isKnown = [InvalidRunError, SetupError, UsageError].some((kind) => error instanceof kind);
  if (!isKnown) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();

async function main(options) {
  setUp();
  const cells = chooseCells(options);
  const columns = columnsFor(options.relays, nodesFor(options));
  const host = machine();
  print(`${describeMachine(host)}\n`);
  const bench = new Bench(options, folder);
  await bench.open();
  const results = [];
  for (const cell of cells) {
    if (cell.descriptors > descriptorLimit()) {
      print(`${cell.name}: not run, it needs ${cell.descriptors} file descriptors (ulimit -Hn)\n`);
      continue;
    }
    const result = await measureCell(bench, cell, columns, options.reps);
    results.push(result);
    print(textOf(result));
  }
  const report = { machine: host, quick: options.quick, seconds: options.seconds, results: results.map(reportOf) };
  if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.markdown) writeFileSync(options.markdown, `${describeMachine(host)}\n\n${markdownOf(results)}`);
}

function setUp() {
  const missing = missingPackages(PACKAGES);
  if (missing.length === 0) return;
  if (!canInstall()) throw new SetupError(`the bench needs the Debian packages ${missing.join(' ')}`);
  installPackages(missing);
}

/**
 * Every repetition measures all relays, in alternating order, so that drift of the machine affects all of them equally.
 */
async function measureCell(bench, cell, columns, repetitions) {
  const relays = columns.filter(({ kind }) => cell.relays.includes(kind)).map((column) => ({ ...column, figures: [] }));
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const relay of repetition % 2 === 0 ? relays : relays.toReversed()) {
      relay.figures.push(await bench.measure(cell, relay, { first: repetition === 0 }));
    }
  }
  return { cell, relays: linesOf(cell, relays) };
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
