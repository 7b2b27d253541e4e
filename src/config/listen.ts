/** Parses and formats listen addresses and host names with a port. */
import { normalizeHost, parseTarget } from '../policy/target.js';

/** A TCP address. */
export interface Listen {
  /** `undefined` for all interfaces. */
  readonly host?: string;
  /** 0 to 65535. With 0 the system chooses a port. */
  readonly port: number;
}

/** A Unix domain socket. */
export interface UnixListen {
  /** An absolute path. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Name or number of the group that owns the socket. `undefined` for that of the process. */
  readonly group?: string | undefined;
}

/** One entry of the setting `listen`. */
export interface ListenEntry {
  readonly address: Listen | UnixListen;
  /** `off`: plain HTTP, as proxies that end TLS speak it. */
  readonly tls: 'on' | 'off';
  /** `required`: each connection begins with a PROXY protocol header of a trusted proxy. */
  readonly proxyProtocol: 'off' | 'required';
}

/** The gateway's name for clients. */
export interface Hostname {
  readonly host: string;
  /** `undefined` for the port that the gateway listens on. */
  readonly port?: number | undefined;
}

/** `sun_path` of unix(7) has 108 bytes on Linux and 104 on macOS, including a terminating NUL. */
const UNIX_PATH_MAX = 103;
const UNIX_PREFIX = 'unix:';
const UNIX_MODE = 0o660;

/**
 * Parses `[HOST:]PORT`. An IPv6 host needs brackets. No host, and the host `*`, mean all interfaces. Returns `undefined` for any
 * other form.
 */
export function parseListen(text: string): Listen | undefined {
  const [, host, digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  if (host === undefined || host === '' || host === '*') return { port };
  const bare = /^\[(.*:.*)\]$/.exec(host)?.[1] ?? host;
  if (bare === host && host.includes(':')) return undefined;
  try {
    return { host: normalizeHost(bare), port };
  } catch {
    return undefined;
  }
}

/** Parses `[HOST:]PORT` or `unix:PATH`. Returns `undefined` for any other form. */
export function parseAddress(text: string): ListenEntry['address'] | undefined {
  if (!text.startsWith(UNIX_PREFIX)) return parseListen(text);
  const path = text.slice(UNIX_PREFIX.length);
  if (!path.startsWith('/') || path.includes('\0') || Buffer.byteLength(path) > UNIX_PATH_MAX) return undefined;
  return { path, mode: UNIX_MODE };
}

/** An entry that is an address alone: with TLS, and without the PROXY protocol. */
export function entryOf(address: ListenEntry['address']): ListenEntry {
  return { address, tls: 'on', proxyProtocol: 'off' };
}

export function isUnix(address: ListenEntry['address']): address is UnixListen {
  return 'path' in address;
}

/** Whether only this machine reaches the address. */
export function isLocal(address: ListenEntry['address']): boolean {
  if (isUnix(address)) return true;
  const { host = '' } = address;
  return host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether only trusted proxies are served: PROXY headers can be forged, and plain HTTP can be read on the way. */
export function isForProxies({ address, tls, proxyProtocol }: ListenEntry): boolean {
  return proxyProtocol === 'required' || (tls === 'off' && !isLocal(address));
}

/**
 * Parses the permission bits of a Unix socket: three octal digits, with or without leading zeros. YAML reads `0660` as the number
 * 660, so a number counts by its digits. A number that YAML has converted from octal (`0o660`) has digits that are no such mode or
 * deny the owner access. Returns `undefined` for these, for any other form, and for a mode that denies the owner access.
 */
export function parseMode(value: string | number): number | undefined {
  const digits = /^(?:0o?)?0*([0-7]{3})$/.exec(String(value))?.[1];
  const mode = digits === undefined ? 0 : Number.parseInt(digits, 8);
  return (mode & 0o600) === 0o600 ? mode : undefined;
}

/** Like `parseListen`, but without a host the address is 127.0.0.1. All interfaces need an explicit `*:PORT`. */
export function parseLocalListen(text: string): Listen | undefined {
  return parseListen(text.includes(':') ? text : `127.0.0.1:${text}`);
}

/** Parses `NAME[:PORT]`. Throws a `Fault` (`TARGET_INVALID`) for anything else. */
export function parseHostname(text: string): Hostname {
  if (!/:\d*$/.test(text) || /^[^[\]]*:.*:/.test(text))
    return { host: normalizeHost(text.replace(/^\[(.*)\]$/, '$1')) };
  return parseTarget(text);
}

/** The default port of `rdgw serve`, and that of HTTPS, which a proxy in front of the gateway has. */
const [DEFAULT_PORT, HTTPS_PORT] = [8443, 443];

/**
 * The port that clients connect to: that of `hostname`, else that of the first listener that serves clients directly, else 443, as a
 * proxy in front of the gateway has it.
 *
 * @param bound the ports of the entries of `listen` as they were opened, where known: with port 0 the system chooses one
 */
export function clientPort(
  { hostname, listen }: { readonly hostname?: Hostname | undefined; readonly listen: readonly ListenEntry[] },
  bound: readonly (number | undefined)[] = [],
): number {
  if (hostname?.port !== undefined) return hostname.port;
  const index = listen.findIndex(
    ({ address, tls, proxyProtocol }) => !isUnix(address) && tls === 'on' && proxyProtocol === 'off',
  );
  const address = listen[index]?.address;
  if (address === undefined || isUnix(address)) return HTTPS_PORT;
  return bound[index] ?? (address.port || DEFAULT_PORT);
}

/** Formats an address for `parseListen`. */
export function formatListen({ host, port }: Listen): string {
  if (host === undefined) return String(port);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Formats an address for `parseAddress`. */
export function formatAddress(address: ListenEntry['address']): string {
  return isUnix(address) ? `${UNIX_PREFIX}${address.path}` : formatListen(address);
}

/** Formats an address for `parseLocalListen`. */
export function formatLocalListen(listen: Listen): string {
  return listen.host === undefined ? `*:${listen.port}` : formatListen(listen);
}

/** Formats a name for `parseHostname`. */
export function formatHostname({ host, port }: Hostname): string {
  return port === undefined ? host : formatListen({ host, port });
}

/** The entries in the form of a configuration file. */
export function describeListen(entries: readonly ListenEntry[]): unknown {
  const described = entries.map(describeEntry);
  return described.length === 1 ? described[0] : described;
}

function describeEntry({ address, tls, proxyProtocol }: ListenEntry): unknown {
  const text = formatAddress(address);
  const options = {
    ...(tls === 'on' ? {} : { tls }),
    ...(proxyProtocol === 'off' ? {} : { proxyProtocol }),
    ...(isUnix(address) && address.mode !== UNIX_MODE ? { mode: `0${address.mode.toString(8)}` } : {}),
    ...(isUnix(address) && address.group !== undefined ? { group: address.group } : {}),
  };
  return Object.keys(options).length === 0 ? text : { address: text, ...options };
}
