/** Limits the age of the connections of node:http. */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Many times what a client needs for its requests; a client that needs longer connects again. */
export const MAX_AGE_MS = 60_000;

export interface ConnectionAge {
  /**
   * Called for every response: after half of MAX_AGE_MS it sets `Connection: close`, so that no connection is cut
   * during a request.
   */
  announceEnd(response: ServerResponse): void;
}

/**
 * Closes each connection of `server` after MAX_AGE_MS. Node limits the time of a request and of an idle connection, but
 * neither limit applies to a client that sends an empty line every few seconds between two requests.
 */
export function limitConnectionAge(server: Server): ConnectionAge {
  const connections = new WeakMap<Socket, { readonly timer: NodeJS.Timeout; readonly openedAt: number }>();
  server.on('connection', (socket: Socket) => {
    const timer = setTimeout(() => socket.destroy(), MAX_AGE_MS);
    connections.set(socket, { timer, openedAt: performance.now() });
    socket.once('close', () => clearTimeout(timer));
  });
  return {
    announceEnd(response) {
      const connection = response.socket && connections.get(response.socket);
      if (!connection) return;
      if (performance.now() - connection.openedAt > MAX_AGE_MS / 2) response.setHeader('Connection', 'close');
    },
  };
}
