// Other versions of Node.js, from npm's package `node`, which contains the executable. Each takes 120 MB outside of the
// repository.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const CACHE = resolve(process.env.RDGW_NODE_CACHE || join(homedir(), '.cache', 'rdgw-node'));

/**
 * The path of the executable of a version, `22.23.3` or `24`. Downloads it when it is not there yet. Throws when that
 * fails.
 */
export function nodeFromNpm(version) {
  const folder = join(CACHE, `node-${version}`);
  const program = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(program)) return program;
  process.stderr.write(`fetching node@${version} into ${folder}\n`);
  mkdirSync(folder, { recursive: true });
  const flags = ['--silent', '--no-audit', '--no-fund', '--prefix', folder];
  const { status } = spawnSync('npm', ['install', ...flags, `node@${version}`], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0 || !existsSync(program)) throw new Error(`npm could not install node@${version}`);
  return program;
}
