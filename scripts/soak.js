// Runs the soak tests in a network namespace of their own, so that other processes are not affected, and prints the
// figures. SOAK_MINUTES is 60 by default. Further arguments are passed to vitest: `npm run test:soak -- faults`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RESULTS = '.test-results';
const FIGURES = `${RESULTS}/soak-figures.json`;
const SAMPLES = `${RESULTS}/soak-samples.ndjson`;
// A stalled connection fills the kernel's buffers. With the usual 10 MiB, 400 of them would exhaust the memory that the
// kernel allows for all sockets.
const LARGEST_BUFFER = 512 * 1024;
const NETWORK = [
  'ip link set lo up',
  `echo "4096 131072 ${LARGEST_BUFFER}" > /proc/sys/net/ipv4/tcp_rmem`,
  `echo "4096 16384 ${LARGEST_BUFFER}" > /proc/sys/net/ipv4/tcp_wmem`,
  'exec "$@"',
].join(' && ');

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync(RESULTS, { recursive: true });
for (const file of [FIGURES, SAMPLES]) rmSync(file, { force: true });

const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'soak'];
const reports = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${RESULTS}/soak.json`];
const command = [process.execPath, ...vitest, ...reports, ...process.argv.slice(2)];
const canUnshare = spawnSync('unshare', ['--net', 'sh', '-c', NETWORK, 'sh', 'true']).status === 0;
const [program = '', ...rest] = canUnshare ? ['unshare', '--net', 'sh', '-c', NETWORK, 'sh', ...command] : command;
const { status } = spawnSync(program, rest, {
  stdio: 'inherit',
  env: { ...process.env, SOAK_NETWORK: canUnshare ? 'own' : 'shared' },
});
printReport();
process.exitCode = status ?? 1;

function printReport() {
  let report;
  try {
    report = JSON.parse(readFileSync(FIGURES, 'utf8'));
  } catch {
    return;
  }
  const rows = Object.entries(report.figures).flatMap(([title, figures]) =>
    Object.entries(figures).map(([name, value], index) => [index === 0 ? title : '', name, String(value)]),
  );
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column].length)));
  for (const [title, name, value] of rows)
    process.stdout.write(`${title.padEnd(widths[0])}  ${name.padEnd(widths[1])}  ${value.padStart(widths[2])}\n`);
  for (const [title, reason] of Object.entries(report.notRun)) process.stdout.write(`NOT RUN: ${title}: ${reason}\n`);
}
