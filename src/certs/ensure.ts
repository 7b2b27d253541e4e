import { chmod, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Fault } from '../fault.js';
import { createFile, errnoOf, isReadableByOthers, PRIVATE_FILE, replaceFile } from '../files.js';
import { type DataFiles, dataFiles, folderFault, prepareFolder } from './folder.js';
import { canIssue, type FoundSet, findSet, isEmpty, setFault, waitForCompleteSet } from './inspect.js';
import type { Issued, KeyType } from './issue.js';
import { checkHosts, defaultHosts, namesOf } from './names.js';
import { ensureTokenKey, makeTokenKey } from './token-key.js';

export interface EnsureOptions {
  /** The names and addresses that the certificate must have. Without them any valid certificate is accepted. */
  readonly hosts?: readonly string[] | undefined;
  /** The type of new keys, `ecdsa` by default. If given, an existing server key must have this type. */
  readonly keyType?: KeyType | undefined;
  /** Creates a new server certificate. The CA and the token key are kept if they are usable. */
  readonly force?: boolean;
  /** Creates a new token key, which invalidates every token issued before. */
  readonly newTokenKey?: boolean;
  /** The name of this machine, for the default hosts. */
  readonly hostname?: string;
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

/** A part of the data folder that was created. */
export type MadePart = 'ca' | 'server' | 'tokenKey';

export interface Certificates {
  readonly files: DataFiles;
  /** What this call created. Empty if everything existed. */
  readonly made: readonly MadePart[];
  /** Paths of keys that other users could read before this call. */
  readonly wereReadable: readonly string[];
  /** Whether a new CA replaced another one, so that clients have to trust the new one. */
  readonly caReplaced: boolean;
  /** Names and addresses of the server certificate. */
  readonly names: readonly string[];
  readonly ca: CertificateSummary;
  readonly server: CertificateSummary;
}

export interface CertificateSummary {
  /** SHA-256 in upper-case hex with colons. */
  readonly fingerprint: string;
  readonly expires: Date;
}

const DAY = 86_400_000;

/**
 * Creates the CA, the server certificate and the token key of a data folder if they do not exist, and keeps them if they are
 * complete and valid. All files are private to their owner and written atomically.
 *
 * Throws a `Fault` of kind `configuration` if something would have to be replaced without `force`: `CERTS_DAMAGED`,
 * `CERTS_INCOMPLETE`, `CERTS_MISMATCH`, `CERTS_EXPIRED`, `CERTS_NOT_YET` or `CERTS_DIFFER`; if the folder cannot be used:
 * `DATA_FOLDER`, `FILE_FOREIGN` or `FILE_WRITABLE`. Throws a `Fault` of kind `usage` for hosts that a certificate cannot contain: `HOST_INVALID`.
 */
export async function ensureCertificates(dataDir: string, options: EnsureOptions = {}): Promise<Certificates> {
  const { force = false, newTokenKey = false, now = Date.now() } = options;
  const files = dataFiles(dataDir);
  const hosts = options.hosts === undefined ? undefined : checkHosts(options.hosts);
  const requirements = { hosts, keyType: options.keyType };
  try {
    await prepareFolder(files.folder);
    const found = await waitForCompleteSet(files);
    const empty = isEmpty(found);
    const fault = force || empty ? undefined : setFault(found, files, requirements, now);
    if (fault !== undefined) throw fault;

    const made: MadePart[] = [];
    if (force || empty) {
      const names = hosts ?? currentNames(found) ?? defaultHosts(options.hostname ?? hostname());
      const issued = await issue(found, names, options.keyType ?? 'ecdsa', now);
      // INVARIANT: if two processes find an empty folder, only one of them succeeds in creating the first file.
      if (!(await write(files, issued, empty))) return await ensureCertificates(dataDir, options);
      made.push(...(issued.newAuthority ? (['ca', 'server'] as const) : (['server'] as const)));
    }
    const replaceKey = newTokenKey || (force && found.tokenKey.state === 'damaged');
    const token = await (replaceKey ? makeTokenKey(files.folder) : ensureTokenKey(files.folder));
    if (token.made) made.push('tokenKey');
    const wereReadable = await restrictModes(files);
    return { ...summarize(files, await findSet(files), made, found), wereReadable };
  } catch (cause) {
    throw folderFault(cause, files.folder);
  }
}

interface IssuedSet {
  readonly authority: Issued;
  readonly newAuthority: boolean;
  readonly server: Issued;
}

async function issue(found: FoundSet, hosts: readonly string[], keyType: KeyType, now: number): Promise<IssuedSet> {
  // Loaded on demand: the generator is slow to load, and a gateway with certificates does not need it.
  const { issueAuthority, issueServer, SERVER_DAYS } = await import('./issue.js');
  const { ca, caKey } = found;
  const keep = ca.state === 'ok' && caKey.state === 'ok' && canIssue(found, now, now + SERVER_DAYS * DAY);
  const authority = keep
    ? { certificate: ca.text, key: caKey.text }
    : await issueAuthority(hosts[0] ?? '', keyType, now);
  return { authority, newAuthority: !keep, server: await issueServer(authority, hosts, keyType, now) };
}

/** Writes the files. Returns false if another process was faster. */
async function write(
  files: DataFiles,
  { authority, newAuthority, server }: IssuedSet,
  empty: boolean,
): Promise<boolean> {
  if (newAuthority) {
    try {
      await (empty ? createFile : replaceFile)(files.caKey, authority.key);
    } catch (cause) {
      if (empty && errnoOf(cause) === 'EEXIST') return false;
      throw cause;
    }
    await replaceFile(files.ca, authority.certificate);
  }
  await replaceFile(files.serverKey, server.key);
  await replaceFile(files.server, server.certificate + authority.certificate);
  return true;
}

function currentNames({ server }: FoundSet): readonly string[] | undefined {
  if (server.state !== 'ok') return undefined;
  const { dns, addresses } = namesOf(server.value);
  const names = [...dns, ...addresses];
  return names.length === 0 ? undefined : checkHosts(names);
}

/** Returns the keys that other users could read until now. */
async function restrictModes(files: DataFiles): Promise<readonly string[]> {
  const wereReadable: string[] = [];
  for (const path of [files.caKey, files.serverKey, files.tokenKey]) {
    try {
      if (isReadableByOthers(await stat(path))) wereReadable.push(path);
      await chmod(path, PRIVATE_FILE);
    } catch (cause) {
      // The CA key may be kept elsewhere. A file of another user, or on a read-only mount, keeps its mode.
      if (!['ENOENT', 'EPERM', 'EACCES', 'EROFS'].includes(errnoOf(cause) ?? '')) throw cause;
    }
  }
  return wereReadable;
}

function summarize(
  files: DataFiles,
  set: FoundSet,
  made: readonly MadePart[],
  before: FoundSet,
): Omit<Certificates, 'wereReadable'> {
  if (set.ca.state !== 'ok' || set.server.state !== 'ok') {
    throw new Fault({
      kind: 'configuration',
      code: 'CERTS_INCOMPLETE',
      message: 'a certificate was removed by another process',
      hint: 'run the command again',
      place: files.folder,
    });
  }
  const { dns, addresses } = namesOf(set.server.value);
  return {
    files,
    made,
    caReplaced: made.includes('ca') && before.ca.state !== 'missing',
    names: [...dns, ...addresses],
    ca: { fingerprint: set.ca.value.fingerprint256, expires: new Date(set.ca.value.validTo) },
    server: { fingerprint: set.server.value.fingerprint256, expires: new Date(set.server.value.validTo) },
  };
}
