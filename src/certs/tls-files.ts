import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault } from '../fault.js';
import { readTrusted } from '../files.js';
import { type CertificateNames, namesOf } from './names.js';

/** A certificate and a private key that match. */
export interface TlsFiles {
  /** The certificate with its chain, PEM. */
  readonly cert: string;
  /** The private key, PEM. */
  readonly key: string;
  readonly names: CertificateNames;
  readonly expires: Date;
}

/**
 * Reads and checks a certificate and its key. Throws a `Fault` of kind `configuration` with the path of the file:
 * `TLS_FILE_UNREADABLE`, `TLS_CERT_INVALID`, `TLS_KEY_INVALID` or `TLS_KEY_MISMATCH`; for the key also `FILE_FOREIGN` and
 * `FILE_WRITABLE`.
 */
export async function loadTlsFiles(certPath: string, keyPath: string): Promise<TlsFiles> {
  const cert = await read(certPath, 'tls.cert', (path) => readFile(path, 'utf8'));
  const key = await read(
    keyPath,
    'tls.key',
    async (path) => (await readTrusted(path, 'the key of the certificate')).text,
  );
  const certificate = parse(
    certPath,
    'TLS_CERT_INVALID',
    'the file has no certificate in PEM',
    () => new X509Certificate(cert),
  );
  const privateKey: KeyObject = parse(
    keyPath,
    'TLS_KEY_INVALID',
    'the file has no unencrypted private key in PEM',
    () => createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Fault({
      kind: 'configuration',
      code: 'TLS_KEY_MISMATCH',
      message: 'the key does not belong to the certificate',
      place: keyPath,
      hint: `the certificate is ${certPath}; both files must be from the same certificate request`,
    });
  }
  return { cert, key, names: namesOf(certificate), expires: new Date(certificate.validTo) };
}

async function read(path: string, setting: string, readText: (path: string) => Promise<string>): Promise<string> {
  try {
    return await readText(path);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault({
      kind: 'configuration',
      code: 'TLS_FILE_UNREADABLE',
      message: `the file of ${setting} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      place: path,
      hint: 'check the path and the permissions of the file',
      cause,
    });
  }
}

function parse<T>(place: string, code: string, message: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new Fault({
      kind: 'configuration',
      code,
      message,
      place,
      hint: 'check it with openssl x509 -text or openssl pkey',
      cause,
    });
  }
}
