import { Fault } from '../fault.js';
import type { MadePart } from './ensure.js';
import { checkFolder, dataFiles, folderFault } from './folder.js';
import { findSettledSet, isEmpty, setFault } from './inspect.js';
import { loadTokenKey } from './token-key.js';

export interface CheckedFolder {
  /** What a start would make. */
  readonly missing: readonly MadePart[];
  /** The token key, where there is one already. */
  readonly tokenKey: Uint8Array | undefined;
}

/**
 * Looks at a data folder as a gateway does that starts with it, and makes and changes nothing.
 * @param isForCertificates the gateway has no other certificate than the one in the folder.
 * Throws like `ensureCertificates` and `ensureTokenKey`.
 */
export async function checkDataFolder(
  dataDir: string,
  isForCertificates: boolean,
  now: number = Date.now(),
): Promise<CheckedFolder> {
  const files = dataFiles(dataDir);
  await checkFolder(files.folder, false);
  const isFirst = isForCertificates && (await isWithoutCertificates(files.folder, now));
  const tokenKey = await findTokenKey(files.folder);
  const missing: readonly MadePart[] = [
    ...(isFirst ? (['ca', 'server'] as const) : []),
    ...(tokenKey === undefined ? (['tokenKey'] as const) : []),
  ];
  await checkFolder(files.folder, missing.length > 0);
  return { missing, tokenKey };
}

async function isWithoutCertificates(folder: string, now: number): Promise<boolean> {
  const files = dataFiles(folder);
  try {
    const found = await findSettledSet(files);
    const fault = isEmpty(found) ? undefined : setFault(found, files, {}, now);
    if (fault !== undefined) throw fault;
    return isEmpty(found);
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

async function findTokenKey(folder: string): Promise<Uint8Array | undefined> {
  try {
    return await loadTokenKey(folder);
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'TOKEN_KEY_MISSING') return undefined;
    throw cause;
  }
}
