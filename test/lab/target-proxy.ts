import { connect, createServer, type Socket } from 'node:net';
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
    const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    track(client);
    track(target);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
    client.pipe(target).pipe(client);
    target.on('data', (bytes) => {
      received += bytes.length;
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  lab.onClose(stop);
  return { port: address.port, connections: () => count, bytesFromTarget: () => received, stop };
}
