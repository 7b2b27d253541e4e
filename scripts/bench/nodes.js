// The Node executables that relays run in: the current one, others by path, and versions from npm.
import { nodeFromNpm } from '../node-from-npm.js';
import { run } from './program.js';

/** Each is `{ node, label, own }`; the current one is first. Paths are in the labels, as versions may be equal. */
export function nodesFor({ paths, versions }) {
  const own = { node: process.execPath, label: process.version, own: true };
  const fetched = versions.map(nodeFromNpm).map((node) => ({ node, label: versionOf(node), own: false }));
  return [own, ...paths.map((node) => ({ node, label: `${node} (${versionOf(node)})`, own: false })), ...fetched];
}

function versionOf(node) {
  return run(node, ['--version']).toString().trim();
}
