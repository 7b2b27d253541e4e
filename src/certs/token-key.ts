import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Fault } from '../fault.js';
import { createFile, errnoOf, readTrusted, replaceFile, trustedOwners } from '../files.js';
import { dataFiles, folderFault, prepareFolder } from './folder.js';

/** RFC 7518 section 3.2: an HS256 key is at least as long as the hash output. */
const TOKEN_KEY_BYTES = 32;
/** A longer secret adds no security. The limit detects a wrong file. */
const TOKEN_KEY_BYTES_MAX = 128;

/**
 * Reads the token key of a data folder: the secret that signs tokens, 32 to 128 bytes. Throws a `Fault` of kind `configuration`:
 * `TOKEN_KEY_MISSING`, `TOKEN_KEY_UNREADABLE` or `TOKEN_KEY_INVALID`, and those of `readTrusted`.
 */
export async function loadTokenKey(dataDir: string): Promise<Uint8Array> {
  const place = dataFiles(dataDir).tokenKey;
  const fault = (code: string, message: string, hint: string, cause?: unknown): Fault =>
    new Fault({ kind: 'configuration', code, message, place, hint, cause });
  let text: string;
  try {
    // The owner of the folder is trusted too: root makes files for the clients of a service that has a user of its own.
    const { uid } = await stat(dataFiles(dataDir).folder);
    ({ text } = await readTrusted(place, 'the token key', [...trustedOwners(), uid]));
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (errnoOf(cause) === 'ENOENT') {
      throw fault(
        'TOKEN_KEY_MISSING',
        'there is no token key in the data folder',
        'start rdgw serve once or run rdgw certs init, or choose another data folder with --data-dir',
        cause,
      );
    }
    throw fault('TOKEN_KEY_UNREADABLE', 'the token key cannot be read', 'run rdgw as the owner of its files', cause);
  }
  const key = parseTokenKey(text);
  if (key === undefined) {
    throw fault('TOKEN_KEY_INVALID', 'the token key is damaged', 'make a new one: rdgw certs init --new-token-key');
  }
  return key;
}

export interface EnsuredTokenKey {
  readonly key: Uint8Array;
  /** Whether this call created it. */
  readonly made: boolean;
}

/**
 * Reads the token key of a data folder, or creates it if there is none. A gateway with `tls.cert` needs nothing else there.
 * Throws like `loadTokenKey`, and a `Fault` (`DATA_FOLDER`).
 */
export async function ensureTokenKey(dataDir: string): Promise<EnsuredTokenKey> {
  const { folder, tokenKey } = dataFiles(dataDir);
  await prepareFolder(folder);
  try {
    return { key: await loadTokenKey(folder), made: false };
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'TOKEN_KEY_MISSING') throw cause;
  }
  const key = randomBytes(TOKEN_KEY_BYTES);
  try {
    await createFile(tokenKey, formatTokenKey(key));
    return { key, made: true };
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return { key: await loadTokenKey(folder), made: false };
    throw folderFault(cause, folder);
  }
}

/** Replaces the token key with a new one, which invalidates every token signed before. Throws a `Fault` (`DATA_FOLDER`). */
export async function makeTokenKey(dataDir: string): Promise<EnsuredTokenKey> {
  const { folder, tokenKey } = dataFiles(dataDir);
  const key = randomBytes(TOKEN_KEY_BYTES);
  try {
    await replaceFile(tokenKey, formatTokenKey(key));
    return { key, made: true };
  } catch (cause) {
    throw folderFault(cause, folder);
  }
}

/** Parses the form of `formatTokenKey`. Returns `undefined` for any other text, and for a key of a wrong length. */
export function parseTokenKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  if (!/^[\w-]+$/.test(trimmed)) return undefined;
  const key = Buffer.from(trimmed, 'base64url');
  return key.length < TOKEN_KEY_BYTES || key.length > TOKEN_KEY_BYTES_MAX ? undefined : new Uint8Array(key);
}

/** Formats a token key as base64url without padding (RFC 4648 section 5) and a line feed. */
export function formatTokenKey(key: Uint8Array): string {
  return `${Buffer.from(key).toString('base64url')}\n`;
}
