/** Real TLS between two ends of OpenSSL, and what went over the wire between them. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { eventually } from './wait.js';

/** Bytes as one read of the tap had them. */
export interface Chunk {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

export interface Recording {
  /** In order of appearance, both directions. */
  readonly chunks: readonly Chunk[];
  /** Key log lines. */
  readonly keys: string;
}

export interface Identity {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** A self-signed certificate for `localhost` by the openssl command; `rsa` for the suites that want one. */
export function makeIdentity(kind: 'ec' | 'rsa' = 'ec'): Identity {
  const folder = mkdtempSync(join(tmpdir(), 'tls-tap-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const algorithm = kind === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048'];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-nodes', '-days', '2', '-newkey', ...algorithm, ...subject, ...files], {
      stdio: 'pipe',
    });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A TCP relay to `port` that writes down what passes. */
export class Tap {
  readonly chunks: Chunk[] = [];
  readonly #server: Server;
  #open = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<Tap> {
    const server = createServer({ allowHalfOpen: true });
    const tap = new Tap(server);
    server.on('connection', (client) => tap.#relay(client, connect({ port, host: '127.0.0.1', allowHalfOpen: true })));
    await listening(server);
    return tap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether nothing is connected. */
  get idle(): boolean {
    return this.#open === 0;
  }

  /** Waits until what was connected is closed, and takes no more. */
  async close(): Promise<void> {
    await eventually(() => this.#open === 0);
    this.#server.close();
  }

  #relay(client: Socket, server: Socket): void {
    const pass = (from: Chunk['from'], source: Socket, target: Socket): void => {
      this.#open++;
      source.setNoDelay(true);
      source.on('data', (bytes) => {
        this.chunks.push({ from, bytes });
        target.write(bytes);
      });
      source.on('end', () => target.end());
      source.on('error', () => target.destroy());
      source.on('close', () => {
        this.#open--;
        target.end();
      });
    };
    pass('client', client, server);
    pass('server', server, client);
  }
}

export interface Talk {
  readonly server?: tls.TlsOptions;
  readonly client?: tls.ConnectionOptions;
  /** What both say to each other once they are connected; afterwards the client hangs up. */
  talk(client: tls.TLSSocket, server: tls.TLSSocket): Promise<void>;
}

/** One TLS connection between two of Node's sockets through a tap. */
export async function recordTls(identity: Identity, { server = {}, client = {}, talk }: Talk): Promise<Recording> {
  const keys: Buffer[] = [];
  const listener = tls.createServer({ ...identity, ALPNProtocols: ['http/1.1'], ...server });
  listener.on('tlsClientError', () => {});
  const accepted = new Promise<tls.TLSSocket>((resolve) => listener.on('secureConnection', resolve));
  await listening(listener);
  const tap = await Tap.to((listener.address() as AddressInfo).port);
  const socket = tls.connect({
    port: tap.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: identity.cert,
    ALPNProtocols: ['http/1.1'],
    ...client,
  });
  socket.on('keylog', (line) => keys.push(line));
  const connected = new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  const failed = new Promise<undefined>((resolve) => socket.on('error', () => resolve(undefined)));
  const peer = await Promise.race([accepted, failed]);
  if (peer) {
    peer.on('error', () => {});
    const isUp = await Promise.race([connected.then(() => true), failed]);
    if (isUp) await talk(socket, peer);
  }
  socket.end();
  await tap.close();
  listener.close();
  return { chunks: tap.chunks, keys: Buffer.concat(keys).toString() };
}

/** Sends and waits until the other side has it all. */
export async function say(from: tls.TLSSocket, to: tls.TLSSocket, bytes: Buffer): Promise<void> {
  const got = received(to);
  const before = got.bytes;
  from.write(bytes);
  await eventually(() => got.bytes >= before + bytes.length);
}

const counters = new WeakMap<tls.TLSSocket, { bytes: number }>();

function received(socket: tls.TLSSocket): { bytes: number } {
  const known = counters.get(socket);
  if (known) return known;
  const counter = { bytes: 0 };
  counters.set(socket, counter);
  socket.on('data', (bytes) => {
    counter.bytes += bytes.length;
  });
  return counter;
}

/** A running `openssl` command whose standard input the test types into. */
export interface Command {
  type(text: string | Buffer): void;
  /** What it has printed, both streams. */
  readonly printed: string;
  /** Ends its input and waits for it to exit. */
  finish(): Promise<void>;
}

export function openssl(...args: readonly string[]): Command {
  const child = spawn('openssl', args, { stdio: 'pipe' });
  let printed = '';
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  // It may have given up before the test has typed everything.
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      printed += bytes.toString('latin1');
    });
  }
  return {
    type: (text) => child.stdin.write(text),
    get printed() {
      return printed;
    },
    async finish() {
      child.stdin.end();
      await exited;
    },
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}
