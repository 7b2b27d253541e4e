/** The client of a request: the other end of its connection, or whom a trusted proxy names. */
import type { Socket } from 'node:net';
import { type ForwardedField, forwardedClient } from '../../proxy/forwarded.js';
import type { TrustedProxies } from '../../proxy/trusted.js';
import { connectionOf, remoteAddressOf } from '../io/connection.js';
import { peerOf } from '../io/sockets.js';

export interface Client {
  /** IP address in canonical form. Undefined where a trusted proxy names no client. */
  readonly address: string | undefined;
  /** Address of the trusted proxy that sent the request, `unix` for a Unix socket. Undefined without one. */
  readonly proxy: string | undefined;
}

export interface ClientOptions {
  /** The setting `forwarded`. */
  readonly field: ForwardedField | 'none';
  readonly isTrusted: TrustedProxies;
}

/**
 * Reads the client of one request. A proxy sends the requests of several clients on one connection, so the answer holds for this
 * request only.
 */
export function clientOf(
  socket: Socket,
  headers: ReadonlyMap<string, string>,
  { field, isTrusted }: ClientOptions,
): Client {
  const peer = connectionOf(socket)?.peer;
  if (!peer?.isTrustedProxy) return { address: peer?.address ?? remoteAddressOf(socket), proxy: undefined };
  const address = field === 'none' ? undefined : forwardedClient(field, headers.get(field), isTrusted);
  return { address, proxy: peerOf(socket) };
}

/**
 * The part of a client that its two channels have in common. INVARIANT: it never depends on a header field, which names a client
 * only for logs, limits and rules. Behind a proxy that forwards requests, the connection id alone pairs.
 */
export function pairingAddress({ address, proxy }: Client): string {
  return proxy === undefined ? (address ?? 'gone') : 'proxy';
}

/** The fields of a log line about a client. */
export function clientFields({ address, proxy }: Client): {
  readonly peer: string;
  readonly proxy: string | undefined;
} {
  return { peer: address ?? 'unknown', proxy };
}
