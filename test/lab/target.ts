import type { TargetProxy } from './target-proxy.js';

/** An RDP server whose desktop shows a picture. It is reached only through a proxy that counts connections. */
export interface Target {
  readonly name: 'shadow' | 'xrdp';
  /** The certificate has both names. */
  readonly host: 'localhost';
  readonly address: '127.0.0.1';
  readonly port: number;
  /** The credentials that it accepts. */
  readonly user: string;
  readonly password: string;
  /** Connections so far. */
  connections(): number;
  /** Bytes sent so far. The target sends when its screen changes. */
  bytesSent(): number;
  log(): string;
}

/** The names in the certificate of every target. */
export const TARGET_NAMES = ['localhost', '127.0.0.1'] as const;

export function targetBehind(proxy: TargetProxy, rest: Pick<Target, 'name' | 'user' | 'password' | 'log'>): Target {
  const { port, connections, bytesFromTarget: bytesSent } = proxy;
  return { host: 'localhost', address: '127.0.0.1', port, connections, bytesSent, ...rest };
}
