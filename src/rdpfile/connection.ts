import { quote } from '../policy/printable.js';
import { type Target as Address, formatTarget, parseTarget, RDP_PORT } from '../policy/target.js';
import { settingValue } from './parse.js';
import type { RdpSetting } from './settings.js';

/** Host and port in the form of `parseTarget`: an IPv6 address has no brackets. */
export type { Address };

/** The default port of a gateway in clients. */
export const GATEWAY_PORT = 443;
/** In characters. Leaves room for a port and `.rdp` in a file name of 255 bytes. */
const FILE_HOST_MAX = 200;

/**
 * Returns the settings that make a client connect through a gateway with a token. Source: Microsoft's "Supported RDP properties".
 * FreeRDP reads the same settings.
 */
export function connectionSettings(target: Address, gateway: Address, token: string): readonly RdpSetting[] {
  return [
    { name: 'full address', type: 's', value: withPort(target, RDP_PORT) },
    { name: 'server port', type: 'i', value: String(target.port) },
    { name: 'gatewayhostname', type: 's', value: withPort(gateway, GATEWAY_PORT) },
    // Use the gateway always, even if the target can be reached directly.
    { name: 'gatewayusagemethod', type: 'i', value: '1' },
    // Use the gateway of this file, not the one in the client's own settings.
    { name: 'gatewayprofileusagemethod', type: 'i', value: '1' },
    // Authenticate to the gateway with the token instead of a password.
    { name: 'gatewaycredentialssource', type: 'i', value: '5' },
    { name: 'gatewayaccesstoken', type: 's', value: token },
  ];
}

/** Returns `HOST.rdp`, or `HOST-PORT.rdp` if the port is not 3389. The colons of an IPv6 address become underscores. */
export function connectionFileName({ host, port }: Address): string {
  const safe = host.replaceAll(':', '_').slice(0, FILE_HOST_MAX);
  return port === RDP_PORT ? `${safe}.rdp` : `${safe}-${port}.rdp`;
}

/** Reports whether two files open the same target, whichever of their addresses and ports a client uses. */
export function sameTarget(one: readonly RdpSetting[], other: readonly RdpSetting[]): boolean {
  const targets = new Set([...targetsOf(one), ...targetsOf(other)]);
  return targets.size === 1 && targetsOf(one).length > 0 && targetsOf(other).length > 0;
}

/**
 * Returns the targets of the settings as `host:port`. A value that is not a valid address is in quotation marks. There are several
 * targets if the settings disagree: an address may have a port that differs from `server port`, and there may be an alternate
 * address.
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

/** Parses `HOST` or `HOST:PORT`, with an IPv6 address in brackets. Returns `undefined` for anything else. */
export function parseAddress(text: string, defaultPort: number): Address | undefined {
  try {
    return parseTarget(text, defaultPort);
  } catch {
    return undefined;
  }
}

/**
 * Formats `host:port` with an IPv6 address in brackets. Omits the port if it is `defaultPort`, except after an IPv6 address:
 * FreeRDP takes what follows the last colon for the port.
 */
export function withPort(address: Address, defaultPort: number): string {
  const { host, port } = address;
  return port === defaultPort && !host.includes(':') ? host : formatTarget(address);
}
