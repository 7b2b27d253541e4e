/** The connection to a target. */
import { connect, type Socket } from 'node:net';
import { endSocket, prepareSocket } from './sockets.js';

export interface RelayEvents {
  bytes(bytes: Buffer): void;
  drain(): void;
  /** The target is gone; whatever it sent was delivered before. Exactly once, and not after `end`. */
  end(how: 'end' | 'reset', detail?: string): void;
}

export interface Relay {
  open(events: RelayEvents): void;
  /** False asks the caller to wait for `drain`. */
  write(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** Flushes what was written, ends the connection, and cuts it after `lingerMs`. No event follows. */
  end(lingerMs: number): void;
}

/** Connects to a checked address; rejects with a short reason when that fails, takes too long or is aborted. */
export function dial(address: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Relay> {
  return new Promise((resolve, reject) => {
    // Half-open, so that the target's FIN does not throw away what is still to be written to it.
    const socket = connect({ host: address, port, allowHalfOpen: true });
    const fail = (reason: string): void => {
      settle();
      socket.on('error', () => undefined);
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
      resolve(relay(socket));
    });
    if (signal.aborted) aborted();
    else signal.addEventListener('abort', aborted, { once: true });
  });
}

function relay(socket: Socket): Relay {
  let events: RelayEvents | undefined;
  // An error between the connection and `open` is remembered by the socket: `destroyed` tells.
  socket.on('error', () => undefined);
  const finish = (how: 'end' | 'reset', detail?: string): void => {
    const { end } = events ?? {};
    events = undefined;
    end?.(how, detail);
  };
  return {
    open(handlers) {
      events = handlers;
      if (socket.destroyed) return finish('reset');
      socket.on('data', (bytes: Buffer) => events?.bytes(bytes));
      socket.on('drain', () => events?.drain());
      socket.on('end', () => finish('end'));
      // A keep-alive that times out is no more of an orderly end than a reset is.
      socket.on('error', (error) => finish('reset', error.message));
      socket.on('close', () => finish('end'));
      socket.resume();
    },
    write: (bytes) => (socket.writable ? socket.write(bytes) : true),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end(lingerMs) {
      events = undefined;
      endSocket(socket, lingerMs);
    },
  };
}
