import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../fault.js';
import { errnoOf, readTrusted } from '../files.js';
import { type DataFiles, folderFault } from './folder.js';
import type { KeyType } from './issue.js';
import { namesOf } from './names.js';
import { parseTokenKey } from './token-key.js';

/** The state of one file: missing, present but not in the expected format, or its content. */
export type Found<T> =
  | { readonly state: 'missing' }
  | { readonly state: 'damaged' }
  | { readonly state: 'ok'; readonly value: T; readonly text: string };

/** The files of a data folder. */
export interface FoundSet {
  readonly ca: Found<X509Certificate>;
  readonly caKey: Found<KeyObject>;
  readonly server: Found<X509Certificate>;
  readonly serverKey: Found<KeyObject>;
  readonly tokenKey: Found<Uint8Array>;
}

/** How often, and after which delay, an incomplete set is read again. Another process may be creating it. */
const RETRY = { times: 5, milliseconds: 200 } as const;

/** A problem of a set of files. */
interface Problem {
  readonly code: string;
  readonly message: string;
  readonly place: string;
}

/** What the caller requires of the server certificate. Undefined properties are not checked. */
export interface Requirements {
  readonly hosts?: readonly string[] | undefined;
  readonly keyType?: KeyType | undefined;
}

/** Reads the files. Throws a `Fault` (`DATA_FOLDER`) if a file exists but cannot be read. */
export async function findSet(files: DataFiles): Promise<FoundSet> {
  return {
    ca: await find(files.ca, (text) => new X509Certificate(text)),
    caKey: await find(files.caKey, (text) => createPrivateKey(text)),
    server: await find(files.server, (text) => new X509Certificate(text)),
    serverKey: await find(files.serverKey, (text) => createPrivateKey(text)),
    tokenKey: await find(files.tokenKey, parseTokenKey),
  };
}

/** Reads the files like `findSet`, but waits up to one second for an incomplete set to become complete. */
export async function waitForCompleteSet(files: DataFiles): Promise<FoundSet> {
  let found = await findSet(files);
  for (let turn = 0; turn < RETRY.times; turn += 1) {
    const missing = [found.ca, found.server, found.serverKey].some(({ state }) => state === 'missing');
    if (isEmpty(found) || !missing) break;
    await sleep(RETRY.milliseconds);
    found = await findSet(files);
  }
  return found;
}

/** Reports whether there are no certificates and keys yet. A token key does not count: a gateway with `tls.cert` creates only that. */
export function isEmpty({ ca, caKey, server, serverKey }: FoundSet): boolean {
  return [ca, caKey, server, serverKey].every(({ state }) => state === 'missing');
}

/**
 * Returns a `Fault` for the first problem of a set, or `undefined`. The CA key may be missing, because it is only needed to issue
 * certificates and is safer elsewhere. The token key is not checked.
 */
export function setFault(
  found: FoundSet,
  files: DataFiles,
  requirements: Requirements,
  now: number,
): Fault | undefined {
  const problem = problemOf(found, files, requirements, now);
  return problem && new Fault({ kind: 'configuration', ...problem, hint: hintFor(found, now) });
}

function problemOf(found: FoundSet, files: DataFiles, requirements: Requirements, now: number): Problem | undefined {
  const { ca, server, serverKey } = found;
  for (const [file, place] of [
    [ca, files.ca],
    [server, files.server],
    [serverKey, files.serverKey],
    [found.caKey, files.caKey],
  ] as const) {
    if (file.state === 'damaged') return { code: 'CERTS_DAMAGED', message: 'the file is damaged', place };
  }
  if (ca.state !== 'ok' || server.state !== 'ok' || serverKey.state !== 'ok') {
    const place = ca.state !== 'ok' ? files.ca : server.state !== 'ok' ? files.server : files.serverKey;
    return {
      code: 'CERTS_INCOMPLETE',
      message: 'a file of the certificates and keys is missing',
      place,
    };
  }
  if (!server.value.checkPrivateKey(serverKey.value)) {
    return {
      code: 'CERTS_MISMATCH',
      message: 'the key does not belong to the server certificate',
      place: files.serverKey,
    };
  }
  if (!server.value.checkIssued(ca.value) || !server.value.verify(ca.value.publicKey)) {
    return {
      code: 'CERTS_MISMATCH',
      message: 'the server certificate was not issued by the CA in the folder',
      place: files.server,
    };
  }
  return (
    expiryProblem(ca.value, files.ca, now) ??
    expiryProblem(server.value, files.server, now) ??
    requirementProblem(server.value, serverKey.value, files, requirements)
  );
}

function hintFor(found: FoundSet, now: number): string {
  const command = 'rdgw certs init --force makes a new server certificate';
  return canIssue(found, now, now)
    ? `${command}, the CA stays`
    : `${command} and a new CA, which every client then has to trust`;
}

/** Reports whether the CA can issue a certificate that is valid until `until`. Times are in milliseconds since the epoch. */
export function canIssue({ ca, caKey }: FoundSet, now: number, until: number): boolean {
  if (ca.state !== 'ok' || caKey.state !== 'ok') return false;
  const { validFromDate, validToDate } = validityOf(ca.value);
  const { namedCurve, modulusLength = 0 } = caKey.value.asymmetricKeyDetails ?? {};
  const usable = namedCurve === 'prime256v1' || (caKey.value.asymmetricKeyType === 'rsa' && modulusLength >= 2048);
  return usable && ca.value.ca && ca.value.checkPrivateKey(caKey.value) && validFromDate <= now && until <= validToDate;
}

export function keyTypeOf(key: KeyObject): KeyType | undefined {
  return ({ ec: 'ecdsa', rsa: 'rsa' } as const)[key.asymmetricKeyType as 'ec' | 'rsa'];
}

function validityOf(certificate: X509Certificate): { validFromDate: number; validToDate: number } {
  return { validFromDate: Date.parse(certificate.validFrom), validToDate: Date.parse(certificate.validTo) };
}

function expiryProblem(certificate: X509Certificate, place: string, now: number): Problem | undefined {
  const { validFromDate, validToDate } = validityOf(certificate);
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  if (now > validToDate) {
    return { code: 'CERTS_EXPIRED', message: `the certificate expired on ${day(validToDate)}`, place };
  }
  if (now < validFromDate) {
    const message = `the certificate is not valid before ${day(validFromDate)}; the clock of this machine is at ${day(now)}`;
    return { code: 'CERTS_NOT_YET', message, place };
  }
  return undefined;
}

function requirementProblem(
  server: X509Certificate,
  key: KeyObject,
  files: DataFiles,
  { hosts, keyType }: Requirements,
): Problem | undefined {
  const { dns, addresses } = namesOf(server);
  const names = [...dns, ...addresses];
  if (hosts !== undefined && (hosts.length !== names.length || !hosts.every((host) => names.includes(host)))) {
    const message = `the server certificate is for ${names.join(', ')}, not for ${hosts.join(', ')}`;
    return { code: 'CERTS_DIFFER', message, place: files.server };
  }
  if (keyType !== undefined && keyType !== keyTypeOf(key)) {
    const message = `the key of the server certificate is not of type ${keyType}`;
    return { code: 'CERTS_DIFFER', message, place: files.server };
  }
  return undefined;
}

async function find<T>(path: string, parse: (text: string) => T | undefined): Promise<Found<T>> {
  let text: string;
  try {
    ({ text } = await readTrusted(path, 'the file'));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return { state: 'missing' };
    throw folderFault(cause, path);
  }
  try {
    const value = parse(text);
    return value === undefined ? { state: 'damaged' } : { state: 'ok', value, text };
  } catch {
    return { state: 'damaged' };
  }
}
