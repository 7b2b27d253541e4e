import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

export type KeyType = 'ecdsa' | 'rsa';

/** A certificate and its key, both PEM; the key is PKCS #8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Clients whose clock is a little behind must not meet a certificate from the future. */
const BACKDATE_MS = HOUR;
/** Browsers and Apple's systems take at most 397 days, the backdating included. */
export const SERVER_DAYS = 396;
/** As long as anyone wants to go without touching every client again. */
export const AUTHORITY_DAYS = 3650;
/** ub-common-name, RFC 5280 appendix A.1. */
const COMMON_NAME_MAX = 64;
/** Serial numbers are positive and at most 20 bytes (RFC 5280, 4.1.2.2); 16 random ones do not collide. */
const SERIAL_BYTES = 16;

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
} as const;

/**
 * Makes a CA that may issue servers' certificates and no further CAs. Its name holds a part of its serial number: a CA that
 * is made anew is another one, and must look like another one in a client's list.
 * @param label what it is for, a host name. @param now milliseconds since the epoch.
 */
export async function issueAuthority(label: string, keyType: KeyType, now: number): Promise<Issued> {
  const keys = await makeKeys(keyType);
  const serialNumber = makeSerial();
  const name = commonName(`rdgw CA ${serialNumber.slice(2, 8)} ${label}`);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: name,
    issuer: name,
    ...validity(AUTHORITY_DAYS, now),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHMS[keyType],
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: exportKey(keys.privateKey) };
}

/**
 * Makes a server's certificate, signed by a CA made by `issueAuthority`.
 * @param hosts checked names and addresses; the first one that fits is also the common name.
 */
export async function issueServer(
  authority: Issued,
  hosts: readonly string[],
  keyType: KeyType,
  now: number,
): Promise<Issued> {
  const keys = await makeKeys(keyType);
  const issuer = new x509.X509Certificate(authority.certificate);
  const signing = await importKey(authority.key);
  const { keyEncipherment, digitalSignature } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: commonName(hosts.find((host) => host.length <= COMMON_NAME_MAX) ?? 'rdgw'),
    // The name as the CA wrote it: taken apart and put together again it might differ in a byte.
    issuer: issuer.subjectName,
    ...validity(SERVER_DAYS, now),
    publicKey: keys.publicKey,
    signingKey: signing.key,
    signingAlgorithm: signing.algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      // TLS 1.2 clients may still exchange keys by RSA encryption.
      new x509.KeyUsagesExtension(keyType === 'rsa' ? digitalSignature | keyEncipherment : digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.flatMap(alternativeNames)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: exportKey(keys.privateKey) };
}

/** An IPv4 address stands there as a name as well: FreeRDP looks for the host in DNS names alone, whatever it is. */
function alternativeNames(value: string): x509.JsonGeneralName[] {
  if (isIP(value) === 0) return [{ type: 'dns', value }];
  const address: x509.JsonGeneralName = { type: 'ip', value };
  return isIP(value) === 4 ? [address, { type: 'dns', value }] : [address];
}

async function makeKeys(keyType: KeyType): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = ALGORITHMS[keyType];
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function importKey(text: string) {
  const key = createPrivateKey(text);
  const algorithm = ALGORITHMS[key.asymmetricKeyType === 'rsa' ? 'rsa' : 'ecdsa'];
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return { algorithm, key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']) };
}

function exportKey(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function makeSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  // A first byte of 0x40 to 0x7f keeps the number positive and its encoding shortest.
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return Buffer.from(bytes).toString('hex');
}

function validity(days: number, now: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY) };
}

function commonName(text: string): x509.JsonName {
  return [{ CN: [text.slice(0, COMMON_NAME_MAX).trimEnd()] }];
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
