/** The TCP connection to one address of a target. dial.ts chooses the target and its addresses. */
import { connect, type Socket } from 'node:net';
import { endSocket, ignoreError, LINGER_BYTES, prepareSocket } from '../io/sockets.js';
import type { Backlog } from '../io/stall.js';
import { WRITE_QUEUE_OPTIONS, WriteQueue } from '../io/write-queue.js';

/** Bytes of one read from a target. Half of it costs 15 % more CPU time per byte, a quarter 50 % more. */
export const READ_BYTES = 64 * 1024;

/**
 * The read buffer of all targets: a buffer for each session would be most of the session's memory.
 * INVARIANT: a handler that gets a view of it copies what it needs before it returns.
 */
const intake = Buffer.allocUnsafeSlow(READ_BYTES);

export interface RelayEvents {
  /** A view that is valid until the handler returns; at most READ_BYTES. */
  bytes(bytes: Buffer): void;
  drain(): void;
  /**
   * The target ended the connection; all its bytes were delivered before. Called exactly once, and never after
   * `Relay.end`.
   */
  end(how: 'end' | 'reset', detail?: string): void;
}

export interface Relay extends Backlog {
  /** Starts the delivery of events. Nothing is read before `resume`. */
  open(events: RelayEvents): void;
  /** As `WriteQueue.write`: after false the caller waits for `drain`. */
  write(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** As `endSocket`. No event follows. */
  end(lingerMs: number): void;
  /** Resolves when the socket is closed. */
  closed(): Promise<void>;
}

/**
 * Connects to one address, which the caller has checked against the rules. Rejects with a short reason on failure,
 * timeout or abort.
 */
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
    const onAbort = (): void => fail('the session ended');
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      settle();
      prepareSocket(socket);
      socket.pause();
      // An error between here and `open` destroys the socket; `open` checks `destroyed`.
      socket.on('error', ignoreError);
      resolve(relay);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

class SocketRelay implements Relay {
  readonly socket: Socket;
  #events: RelayEvents | undefined;
  readonly #writeQueue: WriteQueue;
  /** Bytes that were received after `end`. */
  #discarded = 0;

  constructor(host: string, port: number) {
    this.socket = connect({
      ...WRITE_QUEUE_OPTIONS,
      host,
      port,
      // Without this the target's FIN would discard bytes that are not written yet.
      allowHalfOpen: true,
      onread: { buffer: intake, callback: (length) => this.#take(length) },
    });
    this.#writeQueue = new WriteQueue(this.socket);
  }

  open(events: RelayEvents): void {
    const { socket } = this;
    this.#events = events;
    if (socket.destroyed) return this.#finish('reset');
    this.#writeQueue.open(() => this.#events?.drain());
    socket.on('end', () => this.#finish('end'));
    // Any error counts as a reset, a TCP keep-alive timeout included.
    socket.on('error', (error) => this.#finish('reset', error.message));
    socket.on('close', () => this.#finish('end'));
  }

  get waiting(): number {
    return this.#writeQueue.waiting;
  }

  get taken(): number {
    return this.#writeQueue.taken;
  }

  write(bytes: Buffer): boolean {
    return this.#writeQueue.write(bytes);
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

  closed(): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => (socket.closed ? resolve() : void socket.once('close', () => resolve())));
  }

  #take(length: number): boolean {
    if (this.#events) this.#events.bytes(intake.subarray(0, length));
    else this.#discarded += length;
    if (this.#discarded > LINGER_BYTES) this.socket.destroy();
    return true;
  }

  #finish(how: 'end' | 'reset', detail?: string): void {
    const events = this.#events;
    this.#events = undefined;
    events?.end(how, detail);
  }
}
