import { connect, createServer, type ListenOptions, type NetConnectOpts, type Socket } from 'node:net';
import type { Lab } from './lab.js';

/** A TCP proxy in front of a target. It counts connections, so that tests can prove that nothing reached the target. */
export interface TargetProxy {
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  /** Bytes received from the target so far. */
  bytesFromTarget(): number;
  stop(): Promise<void>;
}

/** @param port the port of the target on 127.0.0.1 */
export async function startTargetProxy(lab: Lab, port: number): Promise<TargetProxy> {
  return startTcpProxy(lab, { port, host: '127.0.0.1' });
}

/**
 * @param to a TCP address or a Unix socket
 * @param at by default a free port of 127.0.0.1; for a Unix socket, the port of the proxy is 0
 */
export async function startTcpProxy(
  lab: Lab,
  to: NetConnectOpts,
  at: ListenOptions = { port: 0, host: '127.0.0.1' },
): Promise<TargetProxy> {
  let count = 0;
  let received = 0;
  const open = new Set<Socket>();
  const track = (socket: Socket): void => {
    open.add(socket);
    // `close` follows each error, for example after a reset.
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    count += 1;
    const target = connect({ ...to, allowHalfOpen: true });
    track(client);
    track(target);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
    client.pipe(target).pipe(client);
    target.on('data', (bytes) => {
      received += bytes.length;
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(at, resolve));
  const address = server.address();
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  lab.onClose(stop);
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, connections: () => count, bytesFromTarget: () => received, stop };
}
