/** One accepted connection, from accept to close: its number, its socket, and the address at its other end. */
import type { Socket } from 'node:net';

/** What is known about the other end of a connection. */
export interface Peer {
  /** IP address in canonical form. Undefined for a Unix socket, and for a connection that was closed before accept. */
  readonly address: string | undefined;
  /** Whether the other end is a trusted proxy, which speaks for clients that its requests may name. */
  readonly isTrustedProxy: boolean;
}

let lastNumber = 0;
const connections = new WeakMap<Socket, Connection>();

export class Connection {
  /**
   * Unique in this process. Addresses and ports are not: a client that resets its connection may use the same port again
   * before the process sees the reset, and Unix sockets have neither.
   */
  readonly number = ++lastNumber;
  /** The TCP or Unix socket, below TLS. */
  readonly socket: Socket;
  #peer: Peer;

  constructor(socket: Socket, peer: Peer = { address: remoteAddressOf(socket), isTrustedProxy: false }) {
    this.socket = socket;
    this.#peer = peer;
    connections.set(socket, this);
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** Replaces the peer by the one that a PROXY header names. Called before TLS and before any request. */
  replacePeer(peer: Peer): void {
    this.#peer = peer;
  }
}

/**
 * The connection of a socket: of the accepted one, or of the TLS socket on top of it. Undefined for other sockets.
 *
 * Node links the two by the undocumented property `_parent` alone. A connection that is not found is refused, and a test
 * holds the property on every supported version.
 */
export function connectionOf(socket: Socket): Connection | undefined {
  const { _parent: parent } = socket as Socket & { readonly _parent?: Socket | null };
  return connections.get(socket) ?? (parent ? connections.get(parent) : undefined);
}

/** The remote IP address; that of an IPv4 client on a dual-stack socket without the prefix `::ffff:`. */
export function remoteAddressOf({ remoteAddress }: Socket): string | undefined {
  return remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '');
}
