/** The connection to a target. */
import { connect, type Socket } from 'node:net';
import { endSocket, ignoreError, LINGER_BYTES, prepareSocket } from '../io/sockets.js';
import type { Backlog } from '../io/stall.js';
import { WRITE_QUEUE_OPTIONS, WriteQueue } from '../io/write-queue.js';

/** Read from a target at a time: half of it costs 15 % more of the processor per byte, a quarter 50 %. */
export const READ_BYTES = 64 * 1024;

/**
 * Where every target's bytes come in, one read after the other: a buffer for each session would be most of its memory.
 * INVARIANT: whoever gets a view of it copies what it needs before it returns.
 */
const intake = Buffer.allocUnsafeSlow(READ_BYTES);

export interface RelayEvents {
  /** A view that is valid until the handler returns; at most READ_BYTES. */
  bytes(bytes: Buffer): void;
  drain(): void;
  /** The target is gone; whatever it sent was delivered before. Exactly once, and not after `end`. */
  end(how: 'end' | 'reset', detail?: string): void;
}

export interface Relay extends Backlog {
  /** From now on events are delivered. Nothing is read before `resume`. */
  open(events: RelayEvents): void;
  /** As `Outlet.write`: false asks the caller to wait for `drain`. */
  write(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** As `endSocket`. No event follows. */
  end(lingerMs: number): void;
  /** Until nothing is left of the connection. */
  gone(): Promise<void>;
}

/** Connects to a checked address; rejects with a short reason when that fails, takes too long or is aborted. */
export function dial(address: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Relay> {
  return new Promise((resolve, reject) => {
    const relay = new SocketRelay(address, port);
    const { socket } = relay;
    const fail = (reason: string): void => {
      settle();
      socket.on('error', ignoreError);
      socket.destroy();
      reject(new Error(reason));
    };
    const aborted = (): void => fail('the session ended');
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      socket.removeAllListeners();
    };
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      settle();
      prepareSocket(socket);
      socket.pause();
      // An error between the connection and `open` is remembered by the socket: `destroyed` tells.
      socket.on('error', ignoreError);
      resolve(relay);
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}

class SocketRelay implements Relay {
  readonly socket: Socket;
  #events: RelayEvents | undefined;
  readonly #outlet: WriteQueue;
  /** Bytes that came behind the end. */
  #late = 0;

  constructor(host: string, port: number) {
    this.socket = connect({
      ...WRITE_QUEUE_OPTIONS,
      host,
      port,
      // The target's FIN must not throw away what is still to be written to it.
      allowHalfOpen: true,
      onread: { buffer: intake, callback: (length) => this.#take(length) },
    });
    this.#outlet = new WriteQueue(this.socket);
  }

  open(events: RelayEvents): void {
    const { socket } = this;
    this.#events = events;
    if (socket.destroyed) return this.#finish('reset');
    this.#outlet.open(() => this.#events?.drain());
    socket.on('end', () => this.#finish('end'));
    // A keep-alive that times out is no more of an orderly end than a reset is.
    socket.on('error', (error) => this.#finish('reset', error.message));
    socket.on('close', () => this.#finish('end'));
  }

  get waiting(): number {
    return this.#outlet.waiting;
  }

  get taken(): number {
    return this.#outlet.taken;
  }

  write(bytes: Buffer): boolean {
    return this.#outlet.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(lingerMs: number): void {
    this.#events = undefined;
    endSocket(this.socket, lingerMs);
  }

  gone(): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => (socket.closed ? resolve() : void socket.once('close', () => resolve())));
  }

  #take(length: number): boolean {
    if (this.#events) this.#events.bytes(intake.subarray(0, length));
    else this.#late += length;
    if (this.#late > LINGER_BYTES) this.socket.destroy();
    return true;
  }

  #finish(how: 'end' | 'reset', detail?: string): void {
    const events = this.#events;
    this.#events = undefined;
    events?.end(how, detail);
  }
}
