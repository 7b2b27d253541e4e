/** Joins configuration, certificates, policy and .rdp files into what `rdgw mkrdp` makes. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { userInfo } from 'node:os';
import { dataFiles } from '../certs/folder.js';
import { namesOf, preferredName } from '../certs/names.js';
import { loadTokenKey } from '../certs/token-key.js';
import type { Config } from '../config/schema.js';
import { Fault } from '../fault.js';
import { quote } from '../policy/printable.js';
import { formatTarget, parseTarget, type Target } from '../policy/target.js';
import { mintToken, TOKEN_WARN_LENGTH } from '../policy/token.js';
import { checkSettings, likelyName, parseSetting } from '../rdpfile/check.js';
import {
  connectionFileName,
  connectionSettings,
  GATEWAY_PORT,
  parseAddress,
  targetsOf,
} from '../rdpfile/connection.js';
import { mergeSettings } from '../rdpfile/format.js';
import { settingValue } from '../rdpfile/parse.js';
import type { RdpSetting } from '../rdpfile/settings.js';
import { parseTtl } from './ttl.js';

/** The words of the command line, as they were typed. */
export interface ConnectionRequest {
  readonly target: string;
  readonly gateway?: string | undefined;
  readonly user?: string | undefined;
  readonly ttl?: string | undefined;
  readonly set?: readonly string[] | undefined;
}

export interface Connection {
  readonly settings: readonly RdpSetting[];
  /** `host:port` */
  readonly target: string;
  /** `host:port` */
  readonly gateway: string;
  readonly user: string;
  readonly expires: Date;
  readonly tokenLength: number;
  /** `HOST.rdp` */
  readonly fileName: string;
  /** What the user should hear, one sentence each. */
  readonly warnings: readonly string[];
}

/** Where `rdgw serve` listens unless it is told otherwise. */
const DEFAULT_PORT = 8443;
/** Enough to tell tokens apart in a log; every character of a token counts. */
const TOKEN_ID_BYTES = 8;

/**
 * Makes the settings of an .rdp file with a fresh token for one target. Never makes keys.
 * Throws a `Fault`: of kind `usage` for the command line, `configuration` where the data folder lacks what is needed.
 */
export async function makeConnection(
  request: ConnectionRequest,
  config: Config,
  dataDir: string,
  now: number = Date.now(),
): Promise<Connection> {
  const target = await ofFlag('--target', () => parseTarget(request.target));
  const set = await ofFlag('--set', () => (request.set ?? []).map(parseSetting));
  const expires = new Date(now + (await ofFlag('--ttl', () => parseTtl(request.ttl ?? '8h'))));
  const user = request.user ?? systemUser();
  const key = await loadTokenKey(dataDir);
  const gateway = await findGateway(request.gateway, config, dataDir);
  const token = await ofFlag('--user', () =>
    mintToken(key, {
      user,
      targets: [formatTarget(target)],
      audience: gateway.host,
      expiresAt: expires,
      id: randomBytes(TOKEN_ID_BYTES).toString('base64url'),
    }),
  );
  const settings = mergeSettings(connectionSettings(target, gateway, token), set);
  await ofFlag('--set', () => checkSettings(settings));
  const used = settingValue(settings, 'gatewayaccesstoken') ?? '';
  return {
    settings,
    target: formatTarget(target),
    gateway: formatTarget(gateway),
    user,
    expires,
    tokenLength: used.length,
    fileName: connectionFileName(target),
    warnings: [
      ...gateway.warnings,
      ...settingWarnings(set),
      ...tokenWarnings(used, config),
      // Whoever brings a token knows what it opens.
      ...(used === token ? placeWarnings(settings, target, gateway) : []),
    ],
  };
}

interface GatewayName extends Target {
  readonly warnings: readonly string[];
}

async function findGateway(flag: string | undefined, config: Config, dataDir: string): Promise<GatewayName> {
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

function systemUser(): string {
  try {
    return userInfo().username;
  } catch (cause) {
    // A container may run under a number that no user has.
    throw new Fault({
      kind: 'usage',
      code: 'USER_UNKNOWN',
      message: 'the system does not know the name of the user',
      place: '--user',
      hint: 'say who the token is for: --user NAME',
      cause,
    });
  }
}

function settingWarnings(set: readonly RdpSetting[]): readonly string[] {
  return set.flatMap(({ name }) => {
    const meant = likelyName(name);
    return meant === undefined ? [] : [`${JSON.stringify(name)} is no known setting, ${JSON.stringify(meant)} is`];
  });
}

/** A token opens one target through one gateway: settings that lead elsewhere make a file that opens nothing. */
function placeWarnings(settings: readonly RdpSetting[], target: Target, gateway: Target): readonly string[] {
  const elsewhere = targetsOf(settings).find((place) => place !== formatTarget(target));
  const through = settingValue(settings, 'gatewayhostname') ?? '';
  const named = parseAddress(through, GATEWAY_PORT);
  const place = named === undefined ? quote(through) : formatTarget(named);
  const words = (leads: string, meant: string, flag: string): string =>
    `the file leads ${leads}, but its token is for ${meant}: say ${flag} instead of --set`;
  return [
    ...(elsewhere === undefined ? [] : [words(`to ${elsewhere}`, formatTarget(target), '--target')]),
    ...(named?.host === gateway.host ? [] : [words(`through ${place}`, gateway.host, '--gateway')]),
  ];
}

function tokenWarnings(token: string, { auth }: Config): readonly string[] {
  const warnings: string[] = [];
  if (token.length > TOKEN_WARN_LENGTH) {
    warnings.push(`the token has ${token.length} characters, some clients take no more than ${TOKEN_WARN_LENGTH}`);
  }
  if (auth.module !== undefined || auth.paa.mode === 'static') {
    warnings.push('the configured gateway does not take tokens signed here (auth.paa.mode is not signed)');
  }
  return warnings;
}

/** Nonsense on the command line is a usage fault, also where the same words in a file would be another one. */
async function ofFlag<T>(flag: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind === 'configuration') throw cause;
    const { code, message, hint } = cause;
    throw new Fault({ kind: 'usage', code, message, place: flag, ...(hint !== undefined && { hint }), cause });
  }
}
