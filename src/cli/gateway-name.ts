import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dataFiles } from '../certs/folder.js';
import { namesOf, preferredName } from '../certs/names.js';
import type { Config } from '../config/schema.js';
import { Fault } from '../fault.js';
import { parseTarget, type Target } from '../policy/target.js';
import { ofFlag } from './flag-error.js';

/** Where `rdgw serve` listens unless it is told otherwise. */
const DEFAULT_PORT = 8443;

export interface GatewayName extends Target {
  /** One sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The gateway that a file leads through: what a flag names, else what the configuration and the certificate say.
 * Throws a `Fault`: of kind `usage` for the flag, `GATEWAY_UNKNOWN` where nothing names it.
 */
export async function findGateway(flag: string | undefined, config: Config, dataDir: string): Promise<GatewayName> {
  // Port 0 lets the system choose, and then nobody can know it here.
  const port = config.listen.port || DEFAULT_PORT;
  const place = config.tls.cert ?? dataFiles(dataDir).server;
  if (flag !== undefined) {
    const named = await ofFlag('--gateway', () => parseTarget(flag, port));
    const certificate = await readCertificate(place).catch(() => undefined);
    return { ...named, warnings: certificate === undefined ? [] : nameWarnings(named.host, certificate, config) };
  }
  if (config.hostname !== undefined) return { host: config.hostname, port, warnings: [] };
  const host = preferredName(namesOf(await readCertificate(place)));
  if (host === undefined) throw noGateway('the server certificate names no host', place);
  const isLocal = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const warning = `only this machine knows the gateway as ${host}; for others say --gateway HOST`;
  return { host, port, warnings: isLocal ? [warning] : [] };
}

function nameWarnings(host: string, certificate: X509Certificate, { hostname }: Config): readonly string[] {
  const covered = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (covered !== undefined || host === hostname) return [];
  return [`the server certificate is not for ${host}, so clients and the gateway will refuse this file`];
}

async function readCertificate(place: string): Promise<X509Certificate> {
  try {
    return new X509Certificate(await readFile(place));
  } catch (cause) {
    throw noGateway('there is no readable server certificate to take the name of the gateway from', place, cause);
  }
}

function noGateway(message: string, place: string, cause?: unknown): Fault {
  const hint = 'say --gateway HOST[:PORT], or make a certificate with rdgw certs init';
  return new Fault({ kind: 'configuration', code: 'GATEWAY_UNKNOWN', message, place, hint, cause });
}
