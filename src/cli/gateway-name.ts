import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dataFiles } from '../certs/folder.js';
import { namesOf, preferredName } from '../certs/names.js';
import { clientPort } from '../config/listen.js';
import type { Config } from '../config/schema.js';
import { Fault } from '../fault.js';
import { parseTarget, type Target } from '../policy/target.js';
import { attributeToFlag } from './flag-error.js';

export interface GatewayName extends Target {
  /** One message each. */
  readonly warnings: readonly string[];
}

/**
 * Finds the gateway for an .rdp file: the value of `--gateway`, else `hostname` of the configuration, else a name in
 * the server certificate. Throws a `Fault` of kind `usage` for the flag, and `GATEWAY_UNKNOWN` if there is no name.
 */
export async function findGateway(flag: string | undefined, config: Config, dataDir: string): Promise<GatewayName> {
  const port = clientPort(config);
  const path = config.tls.cert ?? dataFiles(dataDir).server;
  if (flag !== undefined) {
    const named = await attributeToFlag('--gateway', () => parseTarget(flag, port));
    const certificate = await readCertificate(path).catch(() => undefined);
    return { ...named, warnings: certificate === undefined ? [] : nameWarnings(named.host, certificate, config) };
  }
  if (config.hostname !== undefined) return { host: config.hostname.host, port, warnings: [] };
  const host = preferredName(namesOf(await readCertificate(path)));
  if (host === undefined) throw noGateway('the server certificate contains no host name', path);
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const warning = `${host} is valid on this machine only; use --gateway HOST for clients on other machines`;
  return { host, port, warnings: isLocal ? [warning] : [] };
}

function nameWarnings(host: string, certificate: X509Certificate, { hostname }: Config): readonly string[] {
  const covered = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (covered !== undefined || host === hostname?.host) return [];
  return [`the server certificate is not valid for ${host}: clients and the gateway will reject this file`];
}

async function readCertificate(path: string): Promise<X509Certificate> {
  try {
    return new X509Certificate(await readFile(path));
  } catch (cause) {
    throw noGateway('the name of the gateway is unknown: its certificate cannot be read', path, cause);
  }
}

function noGateway(message: string, place: string, cause?: unknown): Fault {
  const hint = 'add --gateway HOST[:PORT], or make a certificate with rdgw certs init';
  return new Fault({ kind: 'configuration', code: 'GATEWAY_UNKNOWN', message, place, hint, cause });
}
