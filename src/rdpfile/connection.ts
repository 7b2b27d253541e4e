import { quote } from '../policy/printable.js';
import { type Target as Address, formatTarget, parseTarget, RDP_PORT } from '../policy/target.js';
import { settingValue } from './parse.js';
import type { RdpSetting } from './settings.js';

/** Host and port as `parseTarget` gives them: an IPv6 address without brackets. */
export type { Address };

/** The port that clients assume for a gateway. */
export const GATEWAY_PORT = 443;
/** Leaves room for a port and `.rdp` in a file name of 255 bytes. */
const FILE_HOST_MAX = 200;

/**
 * The settings that take a client through a gateway with a token. Sources: Microsoft's "Supported RDP properties"; FreeRDP
 * reads the same ones.
 */
export function connectionSettings(target: Address, gateway: Address, token: string): readonly RdpSetting[] {
  return [
    { name: 'full address', type: 's', value: withPort(target, RDP_PORT) },
    { name: 'server port', type: 'i', value: String(target.port) },
    { name: 'gatewayhostname', type: 's', value: withPort(gateway, GATEWAY_PORT) },
    // Always through the gateway, also where the target could be reached directly.
    { name: 'gatewayusagemethod', type: 'i', value: '1' },
    // Take the gateway from this file and not from the client's own settings.
    { name: 'gatewayprofileusagemethod', type: 'i', value: '1' },
    // The token takes the place of a password at the gateway.
    { name: 'gatewaycredentialssource', type: 'i', value: '5' },
    { name: 'gatewayaccesstoken', type: 's', value: token },
  ];
}

/** `HOST.rdp`, or `HOST-PORT.rdp` where the port is not 3389; the colons of an IPv6 address become underscores. */
export function connectionFileName({ host, port }: Address): string {
  const safe = host.replaceAll(':', '_').slice(0, FILE_HOST_MAX);
  return port === RDP_PORT ? `${safe}.rdp` : `${safe}-${port}.rdp`;
}

/** Whether a file opens the same target as another, whichever of its addresses and ports a client prefers. */
export function sameTarget(one: readonly RdpSetting[], other: readonly RdpSetting[]): boolean {
  const targets = new Set([...targetsOf(one), ...targetsOf(other)]);
  return targets.size === 1 && targetsOf(one).length > 0 && targetsOf(other).length > 0;
}

/**
 * Where settings lead to, as `host:port`; what is no address stands in quotation marks. More than one where they disagree:
 * an address may hold a port beside `server port`, and clients know an alternate address.
 */
export function targetsOf(settings: readonly RdpSetting[]): readonly string[] {
  const set = settingValue(settings, 'server port');
  const port = Number(set ?? RDP_PORT);
  const targets = ['full address', 'alternate full address'].flatMap((name) => {
    const text = settingValue(settings, name);
    if (text === undefined) return [];
    const address = parseAddress(text, port);
    if (address === undefined) return [quote(text)];
    return [address, ...(set === undefined ? [] : [{ ...address, port }])].map(formatTarget);
  });
  return [...new Set(targets)];
}

/** Reads `HOST` or `HOST:PORT`, an IPv6 address in brackets; undefined for what is neither. */
export function parseAddress(text: string, assumed: number): Address | undefined {
  try {
    return parseTarget(text, assumed);
  } catch {
    return undefined;
  }
}

/** `host:port`, without the port where it is the one that clients assume; an IPv6 address in brackets. */
export function withPort({ host, port }: Address, assumed: number): string {
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return port === assumed ? bracketed : `${bracketed}:${port}`;
}
