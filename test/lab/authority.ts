import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.js';
import { runProgram } from './program.js';

/** A certificate authority made with openssl, independent of rdgw's own code. */
export interface Authority {
  readonly caFile: string;
  /** Issues a server certificate for these names. FreeRDP needs DNS names in it even for addresses. */
  issue(names: readonly string[]): Promise<Certificate>;
}

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

const DAYS = '2';

/** @param name the common name of the CA and the name of its folder */
export async function makeAuthority(lab: Lab, name: string): Promise<Authority> {
  const folder = join(lab.folder, name);
  mkdirSync(folder, { mode: 0o700 });
  const [caFile, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await runProgram('openssl', [
    ...['req', '-x509', ...newKey, '-keyout', caKey, '-out', caFile, '-days', DAYS, '-subj', `/CN=${name}`],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  let count = 0;
  return {
    caFile,
    issue: async (names) => {
      count += 1;
      const leaf = join(folder, `leaf-${count}`);
      const file = (suffix: string): string => `${leaf}.${suffix}`;
      // The RDP servers of FreeRDP 2 and xrdp 0.9 accept only RSA keys.
      const rsa = ['-newkey', 'rsa:2048', '-nodes'];
      const alternatives = names.flatMap((one) => [`DNS:${one}`, ...(/^[\d.]+$/.test(one) ? [`IP:${one}`] : [])]);
      writeFileSync(file('ext'), `subjectAltName=${alternatives}\nextendedKeyUsage=serverAuth\n`);
      await runProgram('openssl', [
        ...['req', ...rsa, '-keyout', file('key'), '-out', file('csr'), '-subj', `/CN=${names[0]}`],
      ]);
      await runProgram('openssl', [
        ...['x509', '-req', '-in', file('csr'), '-CA', caFile, '-CAkey', caKey, '-days', DAYS],
        ...['-extfile', file('ext'), '-out', file('pem')],
      ]);
      return { certFile: file('pem'), keyFile: file('key') };
    },
  };
}
