// Runs the unit tests on the newer supported versions of Node.js, with the existing build. Arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFromNpm } from './node-from-npm.js';

/** The versions are pinned, so that results do not change with new releases of Node.js. */
const VERSIONS = { 22: '22.23.3', 24: '24.21.0' };

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync('.test-results', { recursive: true });
let failed = false;
for (const [major, version] of Object.entries(VERSIONS)) {
  const node = nodeFromNpm(version);
  process.stdout.write(`\n== unit tests on Node.js ${version}\n`);
  const reports = ['--reporter=dot', '--reporter=json', `--outputFile.json=.test-results/unit-node-${major}.json`];
  const { status } = spawnSync(
    node,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      'unit',
      '--maxWorkers=100%',
      ...reports,
      ...process.argv.slice(2),
    ],
    // Tests that start `node` by name get the same version.
    { stdio: 'inherit', env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` } },
  );
  failed ||= status !== 0;
}
if (failed) process.exitCode = 1;
