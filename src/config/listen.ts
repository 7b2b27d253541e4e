/** Where to listen, as people write it. */
import { normalizeHost } from '../policy/target.js';

export interface Listen {
  /** Missing for all interfaces. */
  readonly host?: string;
  readonly port: number;
}

/** `[HOST:]PORT`, an IPv6 host in brackets. Port 0 lets the system choose. */
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

/** The same for what is not meant for clients: without a host this machine alone; `*:PORT` is for those who say so. */
export function parseLocalListen(text: string): Listen | undefined {
  return parseListen(text.includes(':') ? text : `127.0.0.1:${text}`);
}

/** As `parseListen` reads it. */
export function formatListen({ host, port }: Listen): string {
  if (host === undefined) return String(port);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** As `parseLocalListen` reads it. */
export function formatLocalListen(listen: Listen): string {
  return listen.host === undefined ? `*:${listen.port}` : formatListen(listen);
}
