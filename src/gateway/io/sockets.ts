/** The same few manners for every socket. */
import type { Socket } from 'node:net';

/**
 * After this long without traffic TCP itself asks whether the peer still lives: FreeRDP sends nothing of its own when idle. Where our own
 * keep-alive packets are under way, TCP sends them again instead, until the system gives up.
 */
const KEEP_ALIVE_AFTER_MS = 30_000;

/** A relay answers at once and notices dead peers. */
export function prepareSocket(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
  socket.setTimeout(0);
}

/**
 * What still waits to be sent is some hundred kilobytes at most: time enough for a slow peer to take it, and not long for one
 * that takes nothing. (No public property tells the one from the other: Node hands all of it to the system in one piece.)
 */
export const LONGEST_LINGER_MS = 30_000;

/**
 * What a peer may still send behind the end. An honest one stops when it hears of it: until then come what the buffers of both
 * systems and the way between them hold, some megabytes. Whoever sends more only wants to be read.
 */
export const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Ends a socket politely: what was written is flushed, what still comes in is read and dropped (closing with unread bytes
 * would reset the connection and could destroy the last answer). A peer that has everything gets `lingerMs` to go, one that
 * is still to take something LONGEST_LINGER_MS in all, or `lingerMs` where that is longer. Then, or behind LINGER_BYTES, the socket
 * is cut; at once with 0.
 */
export function endSocket(socket: Socket, lingerMs: number): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('error', ignoreError);
  const cut = (): void => void socket.destroy();
  if (lingerMs === 0) return cut();
  const last = setTimeout(cut, Math.max(lingerMs, LONGEST_LINGER_MS));
  let patience: NodeJS.Timeout | undefined;
  const flushed = (): void => {
    patience = setTimeout(cut, lingerMs);
  };
  socket.once('close', () => {
    clearTimeout(last);
    clearTimeout(patience);
  });
  if (socket.writableFinished) flushed();
  else socket.once('finish', flushed);
  let left = LINGER_BYTES;
  socket.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    if (left < 0) cut();
  });
  socket.end();
  socket.resume();
}

/** The client's address; an IPv4 client on a dual-stack socket keeps its plain form. */
export function peerOf(socket: Socket): string {
  return (socket.remoteAddress ?? 'gone').replace(/^::ffff:(?=\d+\.)/, '');
}

/**
 * For errors that need no listener but must find one: the end of the connection, which follows, is what counts. One for all, since a
 * closure would keep whatever was known where it was made.
 */
export function ignoreError(): void {}

/** Writes to a socket that may be gone; `sent` is called in any case, and never before this returns. */
export function onceSent(socket: Socket, bytes: Buffer, sent: (error?: Error | null) => void): void {
  if (socket.writable) socket.write(bytes, sent);
  else process.nextTick(sent, new Error('the connection is gone'));
}

/** Whether an error is one of the ways in which peers simply go away. */
export function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
}
