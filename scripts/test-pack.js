// Packs the package, installs the tarball into an empty folder, and runs the CLI and the library exports from there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rdgw-pack-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  // Silent, because the list of hundreds of files would hide earlier errors in the log.
  run('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', join(folder, tarball)], folder);
  const version = run('npx', ['--no-install', 'rdgw', '--version'], folder).trim();
  if (!version.startsWith('rdgw/')) throw new Error(`rdgw --version printed ${JSON.stringify(version)}`);
  run('npx', ['--no-install', 'rdgw', 'certs', 'init', '--data-dir', join(folder, 'data')], folder);
  run(
    'npx',
    ['--no-install', 'rdgw', 'mkrdp', '--target', '192.168.0.101', '--data-dir', join(folder, 'data')],
    folder,
  );
  const decode =
    "import { decode } from 'rdgw/protocol'; process.stdout.write(String(decode(Buffer.from('0d00000008000000', 'hex')).type));";
  const type = run('node', ['--input-type=module', '-e', decode], folder);
  if (type !== '13') throw new Error(`rdgw/protocol decoded ${JSON.stringify(type)}`);
  run('node', ['--input-type=module', '-e', "await import('rdgw/policy');"], folder);
  process.stdout.write(`${version}: the packed package installs and runs\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
