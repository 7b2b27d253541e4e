/** Options, the orderly end and error handling that every socket has in common. */
import type { Socket } from 'node:net';
import { connectionOf, remoteAddressOf } from './connection.js';

/**
 * Idle time before TCP keep-alive probes start: an idle FreeRDP sends nothing. While a keep-alive packet of the gateway
 * is not acknowledged, TCP retransmits that packet instead, until the system gives up.
 */
const KEEP_ALIVE_AFTER_MS = 30_000;

/** Disables Nagle's algorithm and the idle timeout, and enables TCP keep-alive so that dead peers are detected. */
export function prepareSocket(socket: Socket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
  socket.setTimeout(0);
}

/**
 * At most a few hundred kilobytes are not sent yet: this is enough time for a slow peer to receive them, and a short
 * time to hold a socket whose peer reads nothing. (No public property distinguishes the two: Node passes all bytes to
 * the system in one write.)
 */
export const LONGEST_LINGER_MS = 30_000;

/**
 * Bytes that a peer may still send after the end. An honest peer stops when it sees the end; until then the buffers of
 * both systems and the network deliver some megabytes. A peer that sends more is cut.
 */
export const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Ends a socket in order: written bytes are flushed, received bytes are read and discarded (closing a socket with
 * unread bytes resets the connection and can destroy the last answer). The peer has `lingerMs` to close its side after
 * the flush. The flush and the close together may take LONGEST_LINGER_MS, or `lingerMs` if that is longer. Then, or
 * after LINGER_BYTES, the socket is destroyed. With a `lingerMs` of 0 it is destroyed at once.
 */
export function endSocket(socket: Socket, lingerMs: number): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data');
  socket.on('error', ignoreError);
  const cut = (): void => void socket.destroy();
  if (lingerMs === 0) return cut();
  const longest = setTimeout(cut, Math.max(lingerMs, LONGEST_LINGER_MS));
  let linger: NodeJS.Timeout | undefined;
  const onFlushed = (): void => {
    linger = setTimeout(cut, lingerMs);
  };
  socket.once('close', () => {
    clearTimeout(longest);
    clearTimeout(linger);
  });
  if (socket.writableFinished) onFlushed();
  else socket.once('finish', onFlushed);
  let left = LINGER_BYTES;
  socket.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    if (left < 0) cut();
  });
  socket.end();
  socket.resume();
}

/** The address at the other end, for the log: `unix` for a Unix socket, `gone` for a socket that is closed already. */
export function peerOf(socket: Socket): string {
  const connection = connectionOf(socket);
  if (connection === undefined) return remoteAddressOf(socket) ?? 'gone';
  return connection.peer.address ?? (connection.peer.isTrustedProxy ? 'unix' : 'gone');
}

/**
 * An `error` listener for sockets whose errors need no handling, since `close` follows. It is one shared function
 * because a closure would keep everything in its scope alive.
 */
export function ignoreError(): void {}

/** Writes to a socket that may be closed already; `sent` is called in either case, and never before this returns. */
export function onceSent(socket: Socket, bytes: Buffer, sent: (error?: Error | null) => void): void {
  if (socket.writable) socket.write(bytes, sent);
  else process.nextTick(sent, new Error('the connection is gone'));
}

/** Whether an error only means that the peer reset or aborted the connection. */
export function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ECONNABORTED';
}
