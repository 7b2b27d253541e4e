import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault } from '../fault.js';
import { type CertificateNames, namesOf } from './names.js';

/** What a TLS server needs, checked: the files can be read, and the key belongs to the certificate. */
export interface TlsFiles {
  /** PEM with the chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly names: CertificateNames;
  readonly expires: Date;
}

/** Reads a certificate and its key. Throws a `Fault` of kind `configuration` that names the file. */
export async function loadTlsFiles(certPath: string, keyPath: string): Promise<TlsFiles> {
  const cert = await read(certPath, 'tls.cert');
  const key = await read(keyPath, 'tls.key');
  const certificate = parse(
    certPath,
    'TLS_CERT_INVALID',
    'the file holds no certificate in PEM',
    () => new X509Certificate(cert),
  );
  const privateKey: KeyObject = parse(
    keyPath,
    'TLS_KEY_INVALID',
    'the file holds no unencrypted private key in PEM',
    () => createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Fault({
      kind: 'configuration',
      code: 'TLS_KEY_MISMATCH',
      message: 'the key does not belong to the certificate',
      place: keyPath,
      hint: `the certificate is ${certPath}; both must come from the same request`,
    });
  }
  return { cert, key, names: namesOf(certificate), expires: new Date(certificate.validTo) };
}

async function read(path: string, setting: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault({
      kind: 'configuration',
      code: 'TLS_FILE_UNREADABLE',
      message: `the file of ${setting} cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      place: path,
      hint: 'check the path and who may read it',
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
      hint: 'see openssl x509 -text or openssl pkey',
      cause,
    });
  }
}
