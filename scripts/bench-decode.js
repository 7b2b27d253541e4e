// How fast `rdgw decode` is, beside tshark in the same run: the machine is noisy, the ratio is what counts.
// Usage: npm run bench:decode [-- --megabytes 500 --runs 3]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeCapture } from './bench/capture.js';
import { measure, median } from './bench/measure.js';
import { whereTimeGoes } from './bench/profile.js';

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '500' }, runs: { type: 'string', default: '3' } },
});
const SESSIONS = 8;
const rdgw = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rdgw-bench-'));
const [file, keylog] = [join(folder, 'bench.pcap'), join(folder, 'keys.txt')];

try {
  await measure(process.execPath, [rdgw, 'certs', 'init', '--host', 'gw.test', '--data-dir', folder]);
  const [key, cert] = ['server.key', 'server.pem'].map((name) => readFileSync(join(folder, name)));
  const made = await makeCapture(file, { bytes: Number(values.megabytes) * 1e6, sessions: SESSIONS, key, cert });
  writeFileSync(keylog, made.keys);
  say(
    `${(made.bytes / 1e6).toFixed(0)} MB, ${made.packets} packets, ${SESSIONS} WebSocket sessions, TLS 1.3 AES-128-GCM`,
  );
  const ours = (...flags) => [process.execPath, [rdgw, 'decode', file, '--keylog', keylog, ...flags]];
  const tshark = [
    'tshark',
    ['-n', '-r', file, '-o', `tls.keylog_file:${keylog}`, '-q', '-z', 'io,stat,0', '-d', 'tcp.port==443,tls'],
  ];
  const programs = [
    ['rdgw decode --stats', ...ours('--stats')],
    ['rdgw decode --format ndjson', ...ours('--format', 'ndjson')],
    ['tshark -q -z io,stat,0', ...tshark],
  ];
  checkSum(made, ours('--json'));
  const figures = new Map(programs.map(([name]) => [name, []]));
  for (let run = 0; run < Number(values.runs); run++) {
    for (const [name, program, args] of programs) figures.get(name).push(await measure(program, args));
  }
  const seconds = (name) => median(figures.get(name).map((figure) => figure.seconds));
  say(`\n${'median of '.concat(values.runs, ' runs').padEnd(30)} seconds    MB/s  peak MB  times tshark`);
  for (const [name] of programs) {
    const took = seconds(name);
    const peak = Math.max(...figures.get(name).map((figure) => figure.peak)) / 1e6;
    const ratio = seconds('tshark -q -z io,stat,0') / took;
    const columns = [took.toFixed(2).padStart(8), (made.bytes / 1e6 / took).toFixed(0).padStart(8)];
    say(`${name.padEnd(29)} ${columns.join('')} ${peak.toFixed(0).padStart(8)} ${ratio.toFixed(2).padStart(13)}`);
  }
  say('\nwhere the time of --stats goes');
  for (const [room, share] of whereTimeGoes(rdgw, ours('--stats')[1].slice(1))) {
    say(`  ${room.padEnd(28)} ${(share * 100).toFixed(0).padStart(3)} %`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A bench of something that does not understand its input would be fast. */
function checkSum({ packets, pdus }, [program, args]) {
  const summary = JSON.parse(execFileSync(program, args, { encoding: 'utf8' }));
  const wrong = summary.conversations.some(({ notes }) => notes.length > 0);
  if (wrong || summary.packets !== packets || summary.pdus !== pdus) {
    throw new Error(`${summary.packets} packets and ${summary.pdus} PDUs of ${packets} and ${pdus} were understood`);
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
