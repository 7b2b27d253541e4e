/** Builds the .rdp file of `rdgw mkrdp` from the configuration, the certificates and the token policy. */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
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
import { attributeToFlag } from './flag-error.js';
import { findGateway } from './gateway-name.js';
import { type NameLookup, systemLookup, targetNameWarnings } from './target-name.js';
import { parseTtl } from './ttl.js';

/** Arguments of the command line, unparsed. */
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
  /** User and expiry of the token; undefined for a token given with `--set`. */
  readonly holder: { readonly user: string; readonly expires: Date } | undefined;
  readonly tokenLength: number;
  /** `HOST.rdp` */
  readonly fileName: string;
  /** One message each. */
  readonly warnings: readonly string[];
}

/**
 * Values of `gatewayusagemethod` with which clients may connect directly: no gateway (0), the default of the system
 * (3), no gateway with a bypass for local addresses (4).
 */
const BYPASS_METHODS = ['0', '3', '4'];
/** Enough to distinguish tokens in a log. Short, because some clients limit the length of a token. */
const TOKEN_ID_BYTES = 8;

/**
 * Makes the settings of an .rdp file with a new token for one target. Never makes keys. Throws a `Fault` of kind
 * `usage` for an invalid argument, and of kind `configuration` if a key or certificate is missing.
 */
export async function makeConnection(
  request: ConnectionRequest,
  config: Config,
  dataDir: string,
  now: number = Date.now(),
  lookUp: NameLookup = systemLookup,
): Promise<Connection> {
  const target = await attributeToFlag('--target', () => parseTarget(request.target));
  const nameWarnings = targetNameWarnings(target, lookUp);
  const set = await attributeToFlag('--set', () => (request.set ?? []).map(parseSetting));
  const expires = new Date(now + (await attributeToFlag('--ttl', () => parseTtl(request.ttl ?? '8h'))));
  const user = request.user ?? systemUser();
  const key = await loadTokenKey(dataDir);
  const gateway = await findGateway(request.gateway, config, dataDir);
  const token = await attributeToFlag('--user', () =>
    mintToken(key, {
      user,
      targets: [formatTarget(target)],
      audience: gateway.host,
      expiresAt: expires,
      id: randomBytes(TOKEN_ID_BYTES).toString('base64url'),
    }),
  );
  const settings = mergeSettings(connectionSettings(target, gateway, token), set);
  await attributeToFlag('--set', () => checkSettings(settings));
  const tokenInFile = settingValue(settings, 'gatewayaccesstoken') ?? '';
  return {
    settings,
    target: formatTarget(target),
    gateway: formatTarget(gateway),
    holder: tokenInFile === token ? { user, expires } : undefined,
    tokenLength: tokenInFile.length,
    fileName: connectionFileName(target),
    warnings: [
      ...gateway.warnings,
      ...settingWarnings(set),
      ...lengthWarnings(tokenInFile),
      // The targets of a token given with --set are unknown here.
      ...(tokenInFile === token
        ? [...modeWarnings(config), ...destinationWarnings(settings, target, gateway), ...(await nameWarnings)]
        : []),
    ],
  };
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch (cause) {
    // A container may run under a user ID without a name.
    throw new Fault({
      kind: 'usage',
      code: 'USER_UNKNOWN',
      message: 'the current user has no user name',
      place: '--user',
      hint: 'set the user of the token with --user NAME',
      cause,
    });
  }
}

function settingWarnings(set: readonly RdpSetting[]): readonly string[] {
  return set.flatMap(({ name }) => {
    const suggestion = likelyName(name);
    if (suggestion === undefined) return [];
    return [`unknown setting ${JSON.stringify(name)} in --set, did you mean ${JSON.stringify(suggestion)}?`];
  });
}

/** A token is valid for one target through one gateway: a file whose settings name others cannot connect. */
function destinationWarnings(settings: readonly RdpSetting[], target: Target, gateway: Target): readonly string[] {
  const otherTarget = targetsOf(settings).find((name) => name !== formatTarget(target));
  const hostname = settingValue(settings, 'gatewayhostname') ?? '';
  const address = parseAddress(hostname, GATEWAY_PORT);
  const fileGateway = address === undefined ? quote(hostname) : formatTarget(address);
  const method = settingValue(settings, 'gatewayusagemethod') ?? '';
  const mismatch = (kind: string, found: string, expected: Target): string =>
    `the file names the ${kind} ${found}, but its token is for ${formatTarget(expected)}: use --${kind} instead of --set`;
  return [
    ...(otherTarget === undefined ? [] : [mismatch('target', otherTarget, target)]),
    ...(fileGateway === formatTarget(gateway) ? [] : [mismatch('gateway', fileGateway, gateway)]),
    ...(BYPASS_METHODS.includes(method)
      ? [`the file bypasses the gateway: gatewayusagemethod is ${method}, not 1`]
      : []),
  ];
}

function lengthWarnings({ length }: string): readonly string[] {
  if (length <= TOKEN_WARN_LENGTH) return [];
  return [`the token has ${length} characters, some clients accept at most ${TOKEN_WARN_LENGTH}`];
}

function modeWarnings({ auth }: Config): readonly string[] {
  if (auth.module === undefined && auth.paa.mode !== 'static') return [];
  const cause = auth.module === undefined ? `auth.paa.mode is ${auth.paa.mode}` : 'auth.module is set';
  return [`the configured gateway does not accept tokens of mkrdp: ${cause}`];
}
