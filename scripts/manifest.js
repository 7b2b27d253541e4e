// Writes oclif.manifest.json, which lets rdgw start without loading every command. `--remove` deletes it: in a working
// copy a stale manifest hides commands that were added later.
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = new URL('../oclif.manifest.json', import.meta.url);
rmSync(file, { force: true });

if (!process.argv.includes('--remove')) {
  const plugin = new Plugin({ root, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true, type: 'core' });
  await plugin.load();
  writeFileSync(file, `${JSON.stringify(plugin.manifest, null, 2)}\n`);
}
