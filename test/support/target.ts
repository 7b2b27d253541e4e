/** Targets on loopback that count who reached them. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface TestTarget {
  readonly port: number;
  readonly sockets: Socket[];
  /** Connections accepted so far. */
  readonly count: number;
  stop(): Promise<void>;
}

export async function testTarget(serve: (socket: Socket) => void): Promise<TestTarget> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    get count() {
      return sockets.length;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Sends back what it gets, and ends when its client does. */
export const echoTarget = (): Promise<TestTarget> => testTarget((socket) => socket.pipe(socket));
