/** The same few manners for every socket. */
import type { Socket } from 'node:net';

/** After this long without traffic TCP itself asks whether the peer still lives: FreeRDP sends nothing of its own when idle. */
const KEEP_ALIVE_AFTER_MS = 30_000;

/** A relay answers at once and notices dead peers. */
export function prepareSocket(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
  socket.setTimeout(0);
}

/** However slowly a peer reads: by then what is still unread is given up. */
export const LONGEST_LINGER_MS = 60_000;

/**
 * Ends a socket politely: what was written is flushed, what still comes in is read and dropped (closing with unread bytes
 * would reset the connection and could destroy the last answer). It is cut once `lingerMs` pass in which nothing of what was
 * written is taken, and after LONGEST_LINGER_MS in any case.
 */
export function endSocket(socket: Socket, lingerMs: number): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('error', () => undefined);
  socket.end();
  socket.resume();
  let unsent = socket.writableLength;
  let left = Math.max(1, Math.floor(LONGEST_LINGER_MS / lingerMs));
  const timer = setInterval(() => {
    const { writableLength } = socket;
    if (writableLength === 0 || writableLength >= unsent || left-- <= 0) socket.destroy();
    unsent = writableLength;
  }, lingerMs);
  socket.once('close', () => clearInterval(timer));
}

/** Whether an error is one of the ways in which peers simply go away. */
export function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
}
