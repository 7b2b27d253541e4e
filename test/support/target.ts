/** Targets on loopback that count who reached them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Signal } from './wait.js';

export interface TestTarget {
  readonly port: number;
  /** `127.0.0.1:PORT`, unless it is elsewhere. */
  readonly name: string;
  readonly sockets: Socket[];
  /** Connections accepted so far. */
  readonly count: number;
  /** Connections that are still open. */
  readonly open: number;
  /** The connection with this number, from 0; waits for it. */
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

/** Sends back what it gets, and ends when its client does. */
export const echoTarget = (host?: string): Promise<TestTarget> =>
  testTarget((socket) => void socket.pipe(socket), host);

/** Everything that a target's connection gets until its end, or its reset. */
export function everything(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve(Buffer.concat(parts)));
  });
}

/** A port where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A port that neither accepts nor refuses: its process sleeps and its queue of connections is full (Linux drops the SYN). */
export async function silentPort(): Promise<{ readonly port: number; stop(): void }> {
  const program = `const s = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => console.log(s.address().port))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  // The queue takes one more than it was asked for; the third gets no answer, as everyone after it.
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
