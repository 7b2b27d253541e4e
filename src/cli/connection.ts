/** Joins configuration, certificates, policy and .rdp files into what `rdgw mkrdp` makes. */
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
import { ofFlag } from './flag-error.js';
import { findGateway } from './gateway-name.js';
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
  /** Whose token it is and until when; undefined for one that was brought along with `--set`. */
  readonly holder: { readonly user: string; readonly expires: Date } | undefined;
  readonly tokenLength: number;
  /** `HOST.rdp` */
  readonly fileName: string;
  /** What the user should hear, one sentence each. */
  readonly warnings: readonly string[];
}

/** Values of `gatewayusagemethod` with which clients connect directly: never, the system's default, never but for local names. */
const PAST_GATEWAY = ['0', '3', '4'];
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
    holder: used === token ? { user, expires } : undefined,
    tokenLength: used.length,
    fileName: connectionFileName(target),
    warnings: [
      ...gateway.warnings,
      ...settingWarnings(set),
      ...lengthWarnings(used),
      // Whoever brings a token knows what it opens.
      ...(used === token ? [...modeWarnings(config), ...placeWarnings(settings, target, gateway)] : []),
    ],
  };
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
    `the file leads ${leads}, but it was made for ${meant}: say ${flag} instead of --set`;
  return [
    ...(elsewhere === undefined ? [] : [words(`to ${elsewhere}`, formatTarget(target), '--target')]),
    ...(place === formatTarget(gateway) ? [] : [words(`through ${place}`, formatTarget(gateway), '--gateway')]),
    ...(PAST_GATEWAY.includes(settingValue(settings, 'gatewayusagemethod') ?? '')
      ? ['the file leads past the gateway: gatewayusagemethod is not 1']
      : []),
  ];
}

function lengthWarnings({ length }: string): readonly string[] {
  if (length <= TOKEN_WARN_LENGTH) return [];
  return [`the token has ${length} characters, some clients take no more than ${TOKEN_WARN_LENGTH}`];
}

function modeWarnings({ auth }: Config): readonly string[] {
  if (auth.module === undefined && auth.paa.mode !== 'static') return [];
  return ['the configured gateway does not take tokens signed here (auth.paa.mode is not signed)'];
}
