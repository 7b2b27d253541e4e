import { chmod } from 'node:fs/promises';
import { hostname } from 'node:os';
import { Fault } from '../fault.js';
import { createFile, errnoOf, PRIVATE_FILE, replaceFile } from '../files.js';
import { type DataFiles, dataFiles, folderFault, prepareFolder } from './folder.js';
import { canIssue, type FoundSet, findSet, findSettledSet, isEmpty, setFault } from './inspect.js';
import type { Issued, KeyType } from './issue.js';
import { checkHosts, defaultHosts, namesOf } from './names.js';
import { ensureTokenKey, makeTokenKey } from './token-key.js';

export interface EnsureOptions {
  /** Names and addresses the certificate must be for; without them any valid one is good. */
  readonly hosts?: readonly string[] | undefined;
  /** For new keys; where given, an existing server key must be of this kind. */
  readonly keyType?: KeyType | undefined;
  /** Makes a new server certificate. The CA and the token key stay where they can be used. */
  readonly force?: boolean;
  /** Makes a new token key: every token issued before is void. */
  readonly newTokenKey?: boolean;
  readonly hostname?: string;
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

export type MadePart = 'ca' | 'server' | 'tokenKey';

export interface Certificates {
  readonly files: DataFiles;
  /** What this call has made; empty when everything was there. */
  readonly made: readonly MadePart[];
  /** There was a CA before, and clients have to trust the new one now. */
  readonly caReplaced: boolean;
  /** Names and addresses of the server's certificate. */
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
 * The CA, the server's certificate and the token key of a data folder: made where there are none, left alone where they are
 * complete and valid. Every file is private to its owner and written whole or not at all.
 *
 * Throws a `Fault` of kind `configuration` where something would have to be replaced without `force`: `CERTS_DAMAGED`,
 * `CERTS_INCOMPLETE`, `CERTS_MISMATCH`, `CERTS_EXPIRED`, `CERTS_NOT_YET` or `CERTS_DIFFER`; where the folder cannot be used:
 * `DATA_FOLDER`. Of kind `usage` for hosts that no certificate can name: `HOST_INVALID`.
 */
export async function ensureCertificates(dataDir: string, options: EnsureOptions = {}): Promise<Certificates> {
  const { force = false, newTokenKey = false, now = Date.now() } = options;
  const files = dataFiles(dataDir);
  const hosts = options.hosts === undefined ? undefined : checkHosts(options.hosts);
  const wishes = { hosts, keyType: options.keyType };
  try {
    await prepareFolder(files.folder);
    const found = await findSettledSet(files);
    const empty = isEmpty(found);
    const fault = force || empty ? undefined : setFault(found, files, wishes, now);
    if (fault !== undefined) throw fault;

    const made: MadePart[] = [];
    if (force || empty) {
      const names = hosts ?? namesBefore(found) ?? defaultHosts(options.hostname ?? hostname());
      const issued = await issue(found, names, options.keyType ?? 'ecdsa', now);
      // INVARIANT: of two processes that find an empty folder only one gets past its first file.
      if (!(await write(files, issued, empty))) return await ensureCertificates(dataDir, options);
      made.push(...(issued.newAuthority ? (['ca', 'server'] as const) : (['server'] as const)));
    }
    const replaceKey = newTokenKey || (force && found.tokenKey.state === 'damaged');
    const token = await (replaceKey ? makeTokenKey(files.folder) : ensureTokenKey(files.folder));
    if (token.made) made.push('tokenKey');
    await tighten(files);
    return summarize(files, await findSet(files), made, found);
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
  // The generator takes a while to load, and a gateway that has its certificates never needs it.
  const { issueAuthority, issueServer, SERVER_DAYS } = await import('./issue.js');
  const { ca, caKey } = found;
  const keep = ca.state === 'ok' && caKey.state === 'ok' && canIssue(found, now, now + SERVER_DAYS * DAY);
  const authority = keep
    ? { certificate: ca.text, key: caKey.text }
    : await issueAuthority(hosts[0] ?? '', keyType, now);
  return { authority, newAuthority: !keep, server: await issueServer(authority, hosts, keyType, now) };
}

/** Returns false where another process was faster. */
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

function namesBefore({ server }: FoundSet): readonly string[] | undefined {
  if (server.state !== 'ok') return undefined;
  const { dns, addresses } = namesOf(server.value);
  const names = [...dns, ...addresses];
  return names.length === 0 ? undefined : checkHosts(names);
}

async function tighten(files: DataFiles): Promise<void> {
  for (const path of [files.caKey, files.serverKey, files.tokenKey]) {
    try {
      await chmod(path, PRIVATE_FILE);
    } catch (cause) {
      // The CA's key may be kept elsewhere; and what belongs to another user or a read-only mount stays as it was put there.
      if (!['ENOENT', 'EPERM', 'EACCES', 'EROFS'].includes(errnoOf(cause) ?? '')) throw cause;
    }
  }
}

function summarize(files: DataFiles, set: FoundSet, made: readonly MadePart[], before: FoundSet): Certificates {
  if (set.ca.state !== 'ok' || set.server.state !== 'ok') {
    throw new Fault({
      kind: 'configuration',
      code: 'CERTS_INCOMPLETE',
      message: 'a certificate disappeared while it was made',
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
