import { Fault } from '../fault.js';

/** Why the address of the gateway cannot be had, and what to do about it. */
export function listenFault(error: NodeJS.ErrnoException, host: string | undefined, port: number): Fault {
  const place = `${host ?? '*'}:${port}`;
  const known: Readonly<Record<string, { message: string; hint: string }>> = {
    EADDRINUSE: { message: 'the port is in use', hint: 'stop the other program or choose another port with --listen' },
    EACCES: { message: 'the port may not be opened by this user', hint: 'choose a port above 1023 with --listen' },
    EADDRNOTAVAIL: {
      message: 'no interface has this address',
      hint: 'leave the host out of --listen for all interfaces',
    },
    ENOTFOUND: { message: 'the host name of --listen does not resolve', hint: 'use an address of this machine' },
  };
  const { message, hint } = known[error.code ?? ''] ?? {
    message: `cannot listen: ${error.message}`,
    hint: 'see --listen',
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
