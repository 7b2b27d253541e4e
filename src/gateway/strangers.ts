/** Connections that have not proven an identity: how many there may be, in all and from one address. */
import type { Socket } from 'node:net';

export class Strangers {
  #most: number;
  #mostPerAddress: number;
  /** Connections by the client's address and port: the TCP connection and the TLS connection on it have the same. */
  readonly #networks = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(most: number, mostPerAddress: number) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  /** Holds from the next connection on; whoever is in stays. */
  limit(most: number, mostPerAddress: number): void {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  /** Counts a connection until it closes or is known. Where there is no room, the setting that says so. */
  add(socket: Socket): string | undefined {
    if (this.#networks.size >= this.#most) return 'limits.handshakes';
    const name = nameOf(socket);
    // A client that is gone already has no address, like all others of its kind.
    if (this.#networks.has(name)) return undefined;
    const network = networkOf(socket.remoteAddress ?? '');
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#mostPerAddress) return 'limits.handshakesPerAddress';
    this.#counts.set(network, count + 1);
    this.#networks.set(name, network);
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
    const count = (this.#counts.get(network) ?? 0) - 1;
    if (count > 0) this.#counts.set(network, count);
    else this.#counts.delete(network);
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
