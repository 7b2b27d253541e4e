/** Targets on loopback that record their connections. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Signal } from './wait.js';

export interface TestTarget {
  readonly port: number;
  /** `HOST:PORT`; the host is 127.0.0.1 by default. */
  readonly name: string;
  readonly sockets: Socket[];
  /** Connections accepted so far. */
  readonly count: number;
  /** Connections that are still open. */
  readonly open: number;
  /** Waits for the connection with this index, from 0. */
  socket(index: number): Promise<Socket>;
  stop(): Promise<void>;
}

export async function testTarget(
  serve: (socket: Socket) => void = () => undefined,
  host = '127.0.0.1',
): Promise<TestTarget> {
  const sockets: Socket[] = [];
  const changed = new Signal();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
    changed.notify();
  });
  const port = await listen(server, host);
  return {
    port,
    name: `${host}:${port}`,
    sockets,
    get count() {
      return sockets.length;
    },
    get open() {
      return sockets.filter((socket) => !socket.destroyed).length;
    },
    async socket(index) {
      await changed.until(() => sockets.length > index);
      return sockets[index] as Socket;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A target that echoes what it receives and ends when the peer ends. */
export const echoTarget = (host?: string): Promise<TestTarget> =>
  testTarget((socket) => void socket.pipe(socket), host);

/** Collects everything that a connection receives until its end or a reset. */
export function collectUntilEnd(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve(Buffer.concat(parts)));
  });
}

/** A port on which no process listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * A port that neither accepts nor refuses: its process is stopped and its accept queue is full, so Linux drops the SYN.
 */
export async function silentPort(): Promise<{ readonly port: number; stop(): void }> {
  const program = `const s = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => console.log(s.address().port))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  // The accept queue holds one connection more than the backlog of 1. The third and all later ones get no answer.
  const fillers = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await Promise.all(fillers.slice(0, 2).map((socket) => once(socket, 'connect')));
  return {
    port,
    stop() {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
