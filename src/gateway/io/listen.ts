/** Listens on a port or a Unix domain socket, with error messages for the usual failures. */
import cluster from 'node:cluster';
import type { ListenOptions, Server } from 'node:net';
import { formatListen, isUnix, type Listen, type ListenEntry, type UnixListen } from '../../config/listen.js';
import { Fault } from '../../fault.js';
import { groupId, PRIVATE_UMASK, removeLeftover, setAccess } from './unix-socket.js';

/**
 * Length of the system's accept queue, which fills while the event loop is busy; Linux allows at most
 * net.core.somaxconn, 4096 by default. It holds the connections of one second at 2,000 a second; the system drops
 * further ones without an answer.
 */
const BACKLOG = 2048;

/** Rejects with a `Fault` of kind `unreachable` that names `setting` when the address cannot be bound. */
export function listen(server: Server, address: ListenEntry['address'], setting: string): Promise<void> {
  if (isUnix(address)) return listenUnix(server, address, setting);
  const { host, port } = address;
  return bind(server, { port, ...(host === undefined ? {} : { host }) }, (error) =>
    listenFault(error, address, setting),
  );
}

/**
 * With several workers the primary process binds the socket for all of them: it has removed a leftover before, and has the private
 * umask.
 */
async function listenUnix(server: Server, address: UnixListen, setting: string): Promise<void> {
  const { path } = address;
  const group = address.group === undefined ? undefined : await groupId(address.group, path);
  if (!cluster.isWorker) await removeLeftover(path);
  const before = process.umask(PRIVATE_UMASK);
  // `listen` binds before it returns, so the umask affects nothing else.
  const bound = bind(server, { path }, (error) => listenFault(error, address, setting));
  process.umask(before);
  await bound;
  await setAccess(address, group);
}

function bind(server: Server, options: ListenOptions, faultOf: (error: NodeJS.ErrnoException) => Fault): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(faultOf(error));
    server.once('error', onError);
    server.listen({ backlog: BACKLOG, ...options }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

function listenFault(error: NodeJS.ErrnoException, address: Listen | UnixListen, setting: string): Fault {
  const place = isUnix(address) ? `unix:${address.path}` : formatListen({ host: '*', ...address });
  const known: Readonly<Record<string, { message: string; hint: string }>> = {
    EADDRINUSE: {
      message: 'the port is in use',
      hint: `stop the other program or choose another port with ${setting}`,
    },
    EACCES: isUnix(address)
      ? {
          message: 'the socket cannot be created',
          hint: 'its folder must exist, and this user must be able to write to it',
        }
      : { message: 'the port may not be opened by this user', hint: `choose a port above 1023 with ${setting}` },
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
