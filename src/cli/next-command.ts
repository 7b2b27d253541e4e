import { homedir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../config/index.js';
import { Fault } from '../fault.js';
import { formatTarget, type Target } from '../policy/target.js';
import { localDataFolder } from './environment.js';
import { findGateway } from './gateway-name.js';
import { runnerName } from './invocation.js';
import { shellWord } from './shell.js';

/** A running gateway and the settings it was started with. */
export interface Started {
  readonly gateway: Target;
  /** The absolute path of the configuration file, if there is one. */
  readonly file: string | undefined;
  readonly dataDir: string;
}

/**
 * The command line that makes an .rdp file for this gateway. It is run in a second terminal, possibly in another folder
 * and without the environment of this one, so it contains each flag whose value `rdgw mkrdp` would not find there by
 * itself.
 */
export async function nextCommand({ gateway, file, dataDir }: Started): Promise<string> {
  const isNamed = file !== undefined && file !== join(homedir(), '.config', 'rdgw', 'rdgw.yaml');
  const defaults = await resolveDefaults(file, dataDir);
  const name = formatTarget(gateway);
  const flags = [
    defaults.gateway !== undefined && formatTarget(defaults.gateway) === name ? [] : ['--gateway', name],
    // mkrdp would fail with a file that is valid only together with this environment.
    isNamed && defaults.isValid ? ['--config', file] : [],
    dataDir === join(localDataFolder(), 'rdgw') ? [] : ['--data-dir', dataDir],
  ];
  return [`${runnerName()} mkrdp --target 192.168.0.101`, ...flags.flat().map((word) => shellWord(word))].join(' ');
}

/** What `rdgw mkrdp` would use with the file and the data folder alone, without this environment. */
async function resolveDefaults(
  file: string | undefined,
  dataDir: string,
): Promise<{ readonly isValid: boolean; readonly gateway: Target | undefined }> {
  const loaded = await undefinedOnFault(loadConfig({ file, env: {}, cwd: dataDir }));
  const gateway = loaded && (await undefinedOnFault(findGateway(undefined, loaded.config, dataDir)));
  return { isValid: loaded !== undefined, gateway };
}

async function undefinedOnFault<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Fault) return undefined;
    throw cause;
  }
}
