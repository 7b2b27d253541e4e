/** Connections that have not proven an identity: how many there may be, in all and from one address. */
import type { Socket } from 'node:net';
import { Crowd } from './crowd.js';

/** Who counts the strangers of all processes together. A gateway that is one process needs nobody for that. */
export interface Census {
  /** A stranger is here. `turnAway` is called, soon or never, when that is one too many. */
  enter(name: string, network: string, turnAway: (setting: string) => void): void;
  leave(name: string): void;
}

export class Strangers {
  readonly #crowd: Crowd;
  readonly #census: Census | undefined;
  /** Networks by the client's address and port: the TCP connection and the TLS connection on it have the same. */
  readonly #networks = new Map<string, string>();

  constructor(most: number, mostPerAddress: number, census?: Census) {
    this.#crowd = new Crowd(most, mostPerAddress);
    this.#census = census;
  }

  /**
   * Counts a connection until it closes or is known. Where there is no room, the setting that says so. Where other processes
   * hold the places, that is known a moment later, and told to `turnAway`.
   */
  add(socket: Socket, turnAway: (setting: string) => void = () => undefined): string | undefined {
    const name = nameOf(socket);
    // A client that is gone already has no address, like all others of its kind.
    if (this.#networks.has(name)) return undefined;
    const network = networkOf(socket.remoteAddress ?? '');
    const full = this.#crowd.enter(network);
    if (full !== undefined) return full;
    this.#networks.set(name, network);
    this.#census?.enter(name, network, turnAway);
    socket.once('close', () => this.#forget(name));
    return undefined;
  }

  /** The client's user is known: it makes room for the next stranger. */
  remove(socket: Socket): void {
    this.#forget(nameOf(socket));
  }

  #forget(name: string): void {
    const network = this.#networks.get(name);
    if (network === undefined) return;
    this.#networks.delete(name);
    this.#crowd.leave(network);
    this.#census?.leave(name);
  }
}

function nameOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** An IPv4 address; of IPv6 the /64, which is what one subscriber has (RFC 6177). */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped?.[1] !== undefined || !address.includes(':')) return mapped?.[1] ?? address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array(Math.max(0, zeros)).fill('0'), ...back].slice(0, 4).join(':');
}
