/** Who comes in: every limit on connections, held before TLS costs anything, and a word for those who are turned away. */
import type { Socket } from 'node:net';
import type { Config } from '../config/schema.js';
import type { Counters } from './counters.js';
import { refusedForNow } from './http/respond.js';
import type { Log } from './log.js';
import { networkOf, Places } from './places.js';
import { endSocket, peerOf, unheard } from './sockets.js';

export interface DoorOptions {
  readonly limits: Pick<
    Config['limits'],
    'connections' | 'connectionsPerAddress' | 'handshakes' | 'handshakesPerAddress'
  >;
  /** Whether the process is too slow for those who are in already. */
  readonly overloaded: () => boolean;
  readonly counters: Counters;
  readonly log: Log;
}

/**
 * Whoever is turned away may hear why: a TLS handshake and a 503. That costs as much as serving an honest client does, so there are
 * few seats for it. A seat stays taken for TELL_MS, however soon its connection ends, which also bounds the handshakes that the
 * turned away can cost: 21 a second, some hundredths of a core. All others are cut.
 */
const TOLD_AT_A_TIME = 64;
/** A quarter: one flood leaves seats for others. */
const TOLD_PER_ADDRESS = 16;
/** Enough for the round trips of TCP, TLS 1.2 and a request around the world, on a machine that is short of time. */
const TELL_MS = 3_000;
/** One line for so many: under a flood the log must not be the next victim. */
const LINE_EVERY = 1000;

/** Why an overloaded process takes nobody; the other reasons are names of settings. */
const OVERLOADED = 'limits.loopDelay';

export class Door {
  readonly #options: DoorOptions;
  readonly #connections: Places;
  readonly #handshakes: Places;
  readonly #seats = new Places('seats', TOLD_AT_A_TIME, TOLD_PER_ADDRESS);
  /** The networks of those who have not proven an identity, by the ends of their connection. */
  readonly #strangers = new Map<string, string>();
  /** Why those who sit in a seat were turned away, by the ends of their connection. */
  readonly #toldWhy = new Map<string, string>();
  #turnedAway = 0;

  constructor(options: DoorOptions) {
    const { limits } = options;
    this.#options = options;
    this.#connections = new Places('limits.connections', limits.connections, limits.connectionsPerAddress);
    this.#handshakes = new Places('limits.handshakes', limits.handshakes, limits.handshakesPerAddress);
  }

  /** Holds from the next connection on; whoever is in stays. */
  adjust(limits: DoorOptions['limits']): void {
    this.#connections.adjust(limits.connections, limits.connectionsPerAddress);
    this.#handshakes.adjust(limits.handshakes, limits.handshakesPerAddress);
  }

  /** Connections whose user is not known. */
  get strangers(): number {
    return this.#strangers.size;
  }

  /** A new TCP connection. False when it was cut; else it may go on to TLS, and then to `tellsWhy`. */
  enter(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // Gone already: there is no address any more to count it by.
    if (remoteAddress === undefined) return cut(socket);
    const network = networkOf(remoteAddress);
    const full = this.#takePlace(network);
    if (full === undefined) this.#welcome(socket, network);
    else if (!this.#turnAway(socket, network, full)) return cut(socket);
    return true;
  }

  /** The same client behind its TLS handshake. True when it was turned away: it is told so and needs nobody else. */
  tellsWhy(socket: Socket): boolean {
    const reason = this.#toldWhy.get(endsOf(socket));
    if (reason === undefined) return false;
    socket.on('error', unheard);
    // Behind its first bytes, since an answer to no request confuses HTTP clients.
    socket.once('data', () => {
      if (socket.writable) socket.write(refusedForNow(reason === OVERLOADED ? 'overloaded' : 'full'));
      endSocket(socket, TELL_MS);
    });
    return true;
  }

  /** The client's user is known: it makes room for the next stranger. */
  known(socket: Socket): void {
    this.#forget(endsOf(socket));
  }

  #takePlace(network: string): string | undefined {
    if (this.#options.overloaded()) return OVERLOADED;
    const full = this.#connections.take(network);
    if (full !== undefined) return full;
    const crowded = this.#handshakes.take(network);
    if (crowded !== undefined) this.#connections.leave(network);
    return crowded;
  }

  #welcome(socket: Socket, network: string): void {
    const ends = endsOf(socket);
    this.#strangers.set(ends, network);
    socket.once('close', () => {
      this.#connections.leave(network);
      this.#forget(ends);
    });
  }

  #forget(ends: string): void {
    const network = this.#strangers.get(ends);
    if (network === undefined) return;
    this.#strangers.delete(ends);
    this.#handshakes.leave(network);
  }

  /** True when there is a seat for it. */
  #turnAway(socket: Socket, network: string, reason: string): boolean {
    const { counters, log } = this.#options;
    counters.turnedAway(reason);
    if (this.#turnedAway++ % LINE_EVERY === 0)
      log.warn('connections turned away', { reason, peer: peerOf(socket), total: this.#turnedAway });
    if (this.#seats.take(network) !== undefined) return false;
    const ends = endsOf(socket);
    this.#toldWhy.set(ends, reason);
    socket.once('close', () => this.#toldWhy.delete(ends));
    setTimeout(() => {
      socket.destroy();
      this.#seats.leave(network);
    }, TELL_MS).unref();
    return true;
  }
}

function cut(socket: Socket): false {
  socket.on('error', unheard);
  socket.destroy();
  return false;
}

/** Both ends of a connection: the TCP connection and the TLS connection on it have the same, and no other one at the time. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
