/** Listens on a port, with error messages for the usual failures. */
import type { Server } from 'node:net';
import type { Listen } from '../../config/listen.js';
import { Fault } from '../../fault.js';

/**
 * Length of the system's accept queue, which fills while the event loop is busy; Linux allows at most
 * net.core.somaxconn, 4096 by default. It holds the connections of one second at 2,000 a second; the system drops
 * further ones without an answer.
 */
const BACKLOG = 2048;

/** Rejects with a `Fault` of kind `unreachable` that names `setting` when the address cannot be bound. */
export function listen(server: Server, { host, port }: Listen, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(listenFault(error, host, port, setting));
    server.once('error', onError);
    server.listen({ port, backlog: BACKLOG, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function listenFault(error: NodeJS.ErrnoException, host: string | undefined, port: number, setting: string): Fault {
  const place = `${host ?? '*'}:${port}`;
  const known: Readonly<Record<string, { message: string; hint: string }>> = {
    EADDRINUSE: {
      message: 'the port is in use',
      hint: `stop the other program or choose another port with ${setting}`,
    },
    EACCES: { message: 'the port may not be opened by this user', hint: `choose a port above 1023 with ${setting}` },
    EADDRNOTAVAIL: {
      message: 'no interface has this address',
      hint: `leave the host out of ${setting} for its default`,
    },
    ENOTFOUND: { message: `the host name of ${setting} does not resolve`, hint: 'use an address of this machine' },
  };
  const { message, hint } = known[error.code ?? ''] ?? {
    message: `cannot listen: ${error.message}`,
    hint: `see ${setting}`,
  };
  return new Fault({
    kind: 'unreachable',
    code: `LISTEN_${error.code ?? 'FAILED'}`,
    message,
    place,
    hint,
    cause: error,
  });
}
