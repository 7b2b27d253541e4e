/** Opening a port, and the words for when it cannot be had. */
import type { Server } from 'node:net';
import type { Listen } from '../../config/listen.js';
import { Fault } from '../../fault.js';

/**
 * Connections that wait in the system's queue while the event loop is busy; Linux takes at most net.core.somaxconn, 4096 by
 * default. Two thousand new ones a second may come while it stands still for one: what is beyond is met with silence.
 */
const BACKLOG = 2048;

/** Throws a `Fault` that names `setting` when the address cannot be had. */
export function listen(server: Server, { host, port }: Listen, setting: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(listenFault(error, host, port, setting));
    server.once('error', refused);
    server.listen({ port, backlog: BACKLOG, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', refused);
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
