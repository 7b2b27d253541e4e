/** Connections of node:http have an end, whatever comes on them. */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What an honest client needs for its requests, many times over; then it connects anew. */
export const MAX_AGE_MS = 60_000;

export interface ConnectionAge {
  /** For each answer: in the second half of its life a connection is told that this one was the last, so that none is cut in a request. */
  announceEnd(response: ServerResponse): void;
  /** This connection is somebody else's from now on. */
  release(socket: Socket): void;
}

/**
 * Cuts each connection of `server` after LIFE_MS. Node's own limits are on requests and on silence, and a client that sends an empty
 * line every few seconds between two requests is in neither.
 */
export function limitConnectionAge(server: Server): ConnectionAge {
  const lives = new WeakMap<Socket, { readonly end: NodeJS.Timeout; readonly born: number }>();
  const release = (socket: Socket): void => clearTimeout(lives.get(socket)?.end);
  server.on('connection', (socket: Socket) => {
    const end = setTimeout(() => socket.destroy(), MAX_AGE_MS);
    lives.set(socket, { end, born: performance.now() });
    socket.once('close', () => release(socket));
  });
  return {
    release,
    announceEnd(response) {
      const life = response.socket && lives.get(response.socket);
      if (life && performance.now() - life.born > MAX_AGE_MS / 2) response.setHeader('Connection', 'close');
    },
  };
}
