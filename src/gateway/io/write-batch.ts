/** What is written to a socket in one turn of the event loop leaves in one system call, rather than in one for each PDU. */
import type { Socket } from 'node:net';

/** Writes that follow one another sooner than this came in with the same read; a round trip to anybody takes longer. */
export const BURST_MS = 0.05;

let waiting: Socket[] = [];

/** Holds back what is written to the socket from now on, until everything that came in with this turn has been read. */
export function batchWrites(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (waiting.push(socket) === 1) setImmediate(flush);
}

function flush(): void {
  const sockets = waiting;
  waiting = [];
  for (const socket of sockets) socket.uncork();
}
