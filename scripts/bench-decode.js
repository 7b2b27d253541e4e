// Measures the speed of `rdgw decode` and of tshark in the same run. Absolute times vary with the load of the machine,
// so the ratio is the result.
// Usage: npm run bench:decode [-- --megabytes 500 --runs 3]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeCapture } from './bench/capture.js';
import { measure, median } from './bench/measure.js';
import { profileByComponent } from './bench/profile.js';

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
  const capture = await makeCapture(file, { bytes: Number(values.megabytes) * 1e6, sessions: SESSIONS, key, cert });
  writeFileSync(keylog, capture.keys);
  const size = `${(capture.bytes / 1e6).toFixed(0)} MB, ${capture.packets} packets`;
  print(`${size}, ${SESSIONS} WebSocket sessions, TLS 1.3 AES-128-GCM`);
  const decode = (...flags) => [process.execPath, [rdgw, 'decode', file, '--keylog', keylog, ...flags]];
  const tshark = [
    'tshark',
    ['-n', '-r', file, '-o', `tls.keylog_file:${keylog}`, '-q', '-z', 'io,stat,0', '-d', 'tcp.port==443,tls'],
  ];
  const programs = [
    ['rdgw decode --stats', ...decode('--stats')],
    ['rdgw decode --format ndjson', ...decode('--format', 'ndjson')],
    ['tshark -q -z io,stat,0', ...tshark],
  ];
  verifySummary(capture, decode('--json'));
  const figures = new Map(programs.map(([name]) => [name, []]));
  for (let run = 0; run < Number(values.runs); run++) {
    for (const [name, program, args] of programs) figures.get(name).push(await measure(program, args));
  }
  const seconds = (name) => median(figures.get(name).map((figure) => figure.seconds));
  print(`\n${'median of '.concat(values.runs, ' runs').padEnd(30)} seconds    MB/s  peak MB  times tshark`);
  for (const [name] of programs) {
    const took = seconds(name);
    const peak = Math.max(...figures.get(name).map((figure) => figure.peak)) / 1e6;
    const ratio = seconds('tshark -q -z io,stat,0') / took;
    const columns = [took.toFixed(2).padStart(8), (capture.bytes / 1e6 / took).toFixed(0).padStart(8)];
    print(`${name.padEnd(29)} ${columns.join('')} ${peak.toFixed(0).padStart(8)} ${ratio.toFixed(2).padStart(13)}`);
  }
  print('\nCPU profile of --stats');
  for (const [component, share] of profileByComponent(rdgw, decode('--stats')[1].slice(1))) {
    print(`  ${component.padEnd(28)} ${(share * 100).toFixed(0).padStart(3)} %`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Throws unless every packet and PDU was decoded without a note: a decoder that skips its input would look fast. */
function verifySummary({ packets, pdus }, [program, args]) {
  const summary = JSON.parse(execFileSync(program, args, { encoding: 'utf8' }));
  const hasNotes = summary.conversations.some(({ notes }) => notes.length > 0);
  if (hasNotes || summary.packets !== packets || summary.pdus !== pdus) {
    throw new Error(`${summary.packets} of ${packets} packets and ${summary.pdus} of ${pdus} PDUs were decoded`);
  }
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
