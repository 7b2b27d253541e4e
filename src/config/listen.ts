/** Parses and formats listen addresses. */
import { normalizeHost } from '../policy/target.js';

export interface Listen {
  /** `undefined` for all interfaces. */
  readonly host?: string;
  /** 0 to 65535. With 0 the system chooses a port. */
  readonly port: number;
}

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

/** Like `parseListen`, but without a host the address is 127.0.0.1. All interfaces need an explicit `*:PORT`. */
export function parseLocalListen(text: string): Listen | undefined {
  return parseListen(text.includes(':') ? text : `127.0.0.1:${text}`);
}

/** Formats an address for `parseListen`. */
export function formatListen({ host, port }: Listen): string {
  if (host === undefined) return String(port);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Formats an address for `parseLocalListen`. */
export function formatLocalListen(listen: Listen): string {
  return listen.host === undefined ? `*:${listen.port}` : formatListen(listen);
}
