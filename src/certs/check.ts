import { Fault } from '../fault.js';
import type { MadePart } from './ensure.js';
import { checkFolder, dataFiles, folderFault } from './folder.js';
import { isEmpty, setFault, waitForCompleteSet } from './inspect.js';
import { loadTokenKey } from './token-key.js';

/** The result of `checkDataFolder`. */
export interface CheckedFolder {
  /** The files that a start would create. */
  readonly missing: readonly MadePart[];
  /** The token key, or `undefined` if there is none yet. */
  readonly tokenKey: Uint8Array | undefined;
}

/**
 * Checks a data folder like the start of a gateway, but creates and changes nothing.
 *
 * @param isForCertificates whether the gateway uses the certificate of the folder.
 * @throws {Fault} like `ensureCertificates` and `ensureTokenKey`.
 */
export async function checkDataFolder(
  dataDir: string,
  isForCertificates: boolean,
  now: number = Date.now(),
): Promise<CheckedFolder> {
  const files = dataFiles(dataDir);
  await checkFolder(files.folder, false);
  const isFirst = isForCertificates && (await hasNoCertificates(files.folder, now));
  const tokenKey = await findTokenKey(files.folder);
  const missing: readonly MadePart[] = [
    ...(isFirst ? (['ca', 'server'] as const) : []),
    ...(tokenKey === undefined ? (['tokenKey'] as const) : []),
  ];
  await checkFolder(files.folder, missing.length > 0);
  return { missing, tokenKey };
}

async function hasNoCertificates(folder: string, now: number): Promise<boolean> {
  const files = dataFiles(folder);
  try {
    const found = await waitForCompleteSet(files);
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
