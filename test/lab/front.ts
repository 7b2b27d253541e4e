import { connect, createServer, type Socket } from 'node:net';
import type { Lab } from './lab.js';

/** Sits at a target's public address, passes everything on and counts who came: what "nothing reached the target" is judged by. */
export interface Front {
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  /** Bytes that came from the target so far. */
  shown(): number;
  stop(): Promise<void>;
}

/** @param port where the target itself listens, on 127.0.0.1 */
export async function startFront(lab: Lab, port: number): Promise<Front> {
  let count = 0;
  let shown = 0;
  const open = new Set<Socket>();
  const hold = (socket: Socket): void => {
    open.add(socket);
    // A reset is as good an end as any; `close` follows.
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    count += 1;
    const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    hold(client);
    hold(target);
    client.on('close', () => target.destroy());
    target.on('close', () => client.destroy());
    client.pipe(target).pipe(client);
    target.on('data', (bytes) => {
      shown += bytes.length;
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front has no port');
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  lab.onClose(stop);
  return { port: address.port, connections: () => count, shown: () => shown, stop };
}
