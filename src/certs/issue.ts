import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

export type KeyType = 'ecdsa' | 'rsa';

/** A certificate and its private key in PEM. The key is PKCS #8. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Clients with a slow clock must not see a certificate that is not valid yet. */
const BACKDATE_MS = HOUR;
/** Browsers and Apple systems accept at most 397 days, including the backdating. */
export const SERVER_DAYS = 396;
/** A new CA has to be installed on every client again, so it is valid for about ten years. */
export const AUTHORITY_DAYS = 3650;
/** ub-common-name, RFC 5280 appendix A.1. */
const COMMON_NAME_MAX = 64;
/** RFC 5280 section 4.1.2.2: serial numbers are positive and have at most 20 bytes. 16 random bytes do not collide. */
const SERIAL_BYTES = 16;

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
} as const;

/**
 * Creates a CA that can issue server certificates but no intermediate CAs. Its name has a part of its serial number, so that users
 * can distinguish a new CA from an old one in the list of a client.
 *
 * @param label the host name that the CA is for.
 * @param now milliseconds since the epoch.
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
 * Creates a server certificate that is signed by a CA of `issueAuthority`.
 *
 * @param hosts names and addresses from `checkHosts`. The first one with at most 64 characters is also the common name.
 * @param now milliseconds since the epoch.
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
    // Copied from the CA certificate: a decoded and encoded name might differ in a byte.
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

/** Adds an IPv4 address as a DNS name too, because FreeRDP compares the host with DNS names only. */
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
  // A first byte of 0x40 to 0x7f makes the number positive and its DER encoding minimal.
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
