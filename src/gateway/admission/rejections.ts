/** Rejected connections. A part of them gets a reason, the rest is closed at once. */
import type { Socket } from 'node:net';
import { serviceUnavailable } from '../http/respond.js';
import type { Connection } from '../io/connection.js';
import { endSocket, ignoreError } from '../io/sockets.js';
import { Quota } from './quota.js';

/**
 * Slots for rejected connections that get a reason: a TLS handshake and a 503. That costs as much as serving an honest
 * client, so there are few slots. A slot is held for REJECTION_MS however soon its connection ends, which limits the
 * TLS handshakes of rejected connections to 21 a second, about a fortieth of a core. All other rejected connections
 * are closed at once.
 */
const ANSWERED_AT_A_TIME = 64;
/** A quarter of all slots, so that a flood from one address leaves slots for others. */
const ANSWERED_PER_ADDRESS = 16;
/** Covers the round trips of TCP, TLS 1.2 and a request between continents, on a busy machine. */
const REJECTION_MS = 3_000;

/** The body of the answer. */
export type Rejection = 'overloaded' | 'full';

export class Rejections {
  readonly #slots = new Quota('rejection slots', ANSWERED_AT_A_TIME, ANSWERED_PER_ADDRESS);
  readonly #waiting = new WeakMap<Connection, Rejection>();

  has(connection: Connection): boolean {
    return this.#waiting.has(connection);
  }

  /** False: the connection was closed. True: it has a slot, and is to be answered after its TLS handshake. */
  add(connection: Connection, network: string | undefined, why: Rejection): boolean {
    const { socket } = connection;
    if (this.#slots.take(network) !== undefined) return cut(socket);
    this.#waiting.set(connection, why);
    setTimeout(() => {
      socket.destroy();
      this.#slots.release(network);
    }, REJECTION_MS).unref();
    return true;
  }

  /** Answers a rejected connection, and closes it. `socket` is the one that carries HTTP. */
  answer(connection: Connection, socket: Socket): void {
    const why = this.#waiting.get(connection) ?? 'full';
    socket.on('error', ignoreError);
    // The answer waits for the first bytes of the request: a response without a request confuses HTTP clients.
    socket.once('data', () => {
      if (socket.writable) socket.write(serviceUnavailable(why));
      endSocket(socket, REJECTION_MS);
    });
  }
}

export function cut(socket: Socket): false {
  socket.on('error', ignoreError);
  socket.destroy();
  return false;
}
