/**
 * Write batches: the writes of one turn of the event loop to a socket are sent with one system call, not with one for
 * each PDU.
 */
import type { Socket } from 'node:net';

/** Two writes within this time come from the same read: every network round trip takes longer. */
export const BURST_MS = 0.05;

let corked: Socket[] = [];

/** Corks the socket until the end of this turn of the event loop, when all input of the turn has been read. */
export function batchWrites(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (corked.push(socket) === 1) setImmediate(flush);
}

function flush(): void {
  const sockets = corked;
  corked = [];
  for (const socket of sockets) socket.uncork();
}
