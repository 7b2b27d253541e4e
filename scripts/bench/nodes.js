// The Nodes that relays run in: this one, others by their path, and versions from npm.
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from './program.js';

/** Outside of the repository, and kept: a Node has 120 MB. */
const CACHE = resolve(process.env.RDGW_BENCH_CACHE || join(homedir(), '.cache', 'rdgw-bench'));

/** `{ node, label, own }` each; this Node comes first. Paths are told apart by themselves: two may be of one version. */
export function nodesFor({ paths, versions }) {
  const own = { node: process.execPath, label: process.version, own: true };
  const fetched = versions.map(fromNpm).map((node) => ({ node, label: versionOf(node), own: false }));
  return [own, ...paths.map((node) => ({ node, label: `${node} (${versionOf(node)})`, own: false })), ...fetched];
}

function versionOf(node) {
  return run(node, ['--version']).toString().trim();
}

/** The package `node` of npm holds the program of a version. */
function fromNpm(version) {
  const folder = join(CACHE, `node-${version}`);
  const program = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(program)) return program;
  process.stderr.write(`fetching node@${version} into ${folder}\n`);
  mkdirSync(folder, { recursive: true });
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, `node@${version}`]);
  return program;
}
