import type { Front } from './front.js';

/** A desktop that shows a picture, reached only through a front that counts. */
export interface Target {
  readonly name: 'shadow' | 'xrdp';
  /** Both are in its certificate. */
  readonly host: 'localhost';
  readonly address: '127.0.0.1';
  readonly port: number;
  /** Whom it lets in. */
  readonly user: string;
  readonly password: string;
  /** Connections that reached it so far. */
  connections(): number;
  /** Bytes that it sent so far: they come when something moves on its screen. */
  shown(): number;
  log(): string;
}

/** The names in the certificate of every target. */
export const TARGET_NAMES = ['localhost', '127.0.0.1'] as const;

export function targetBehind(front: Front, rest: Pick<Target, 'name' | 'user' | 'password' | 'log'>): Target {
  const { port, connections, shown } = front;
  return { host: 'localhost', address: '127.0.0.1', port, connections, shown, ...rest };
}
