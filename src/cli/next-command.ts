import { homedir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../config/index.js';
import { Fault } from '../fault.js';
import { formatTarget, type Target } from '../policy/target.js';
import { localDataFolder } from './environment.js';
import { findGateway } from './gateway-name.js';
import { runnerName } from './invocation.js';
import { shellWord } from './shell.js';

/** A gateway that listens, and what it was started with. */
export interface Started {
  readonly gateway: Target;
  /** The configuration file that was read, absolute. */
  readonly file: string | undefined;
  readonly dataDir: string;
}

/**
 * The line that makes an .rdp file for this gateway. It is typed in a second terminal, perhaps in another folder (unless it
 * takes npx to find us) and without the environment of this one, so it names whatever `rdgw mkrdp` would not come to there.
 */
export async function nextCommand({ gateway, file, dataDir }: Started): Promise<string> {
  const isNamed = file !== undefined && file !== join(homedir(), '.config', 'rdgw', 'rdgw.yaml');
  const there = await lookElsewhere(file, dataDir);
  const name = formatTarget(gateway);
  const flags = [
    there.gateway !== undefined && formatTarget(there.gateway) === name ? [] : ['--gateway', name],
    // A file that is only valid together with this environment would stand in the way.
    isNamed && there.isValid ? ['--config', file] : [],
    dataDir === join(localDataFolder(), 'rdgw') ? [] : ['--data-dir', dataDir],
  ];
  return [`${runnerName()} mkrdp --target 192.168.0.101`, ...flags.flat().map((word) => shellWord(word))].join(' ');
}

/** What `rdgw mkrdp` makes of the file and the data folder alone. */
async function lookElsewhere(
  file: string | undefined,
  dataDir: string,
): Promise<{ readonly isValid: boolean; readonly gateway: Target | undefined }> {
  const loaded = await orNothing(loadConfig({ file, env: {}, cwd: dataDir }));
  const gateway = loaded && (await orNothing(findGateway(undefined, loaded.config, dataDir)));
  return { isValid: loaded !== undefined, gateway };
}

async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Fault) return undefined;
    throw cause;
  }
}
