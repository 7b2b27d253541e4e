/** Records the bytes of real TLS connections between two OpenSSL endpoints. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { eventually } from './wait.js';

/** The bytes of one read of the tap. */
export interface Chunk {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

export interface Recording {
  /** Both directions in the order of the reads. */
  readonly chunks: readonly Chunk[];
  /** Key log lines. */
  readonly keys: string;
}

export interface Identity {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/** Makes a self-signed certificate for `localhost` with the openssl command. Some cipher suites need an `rsa` key. */
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

/** A TCP relay that records the bytes of both directions. */
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

  /** Whether no connection is open. */
  get idle(): boolean {
    return this.#open === 0;
  }

  /** Waits until all connections are closed, then stops listening. */
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

export interface RecordTlsOptions {
  readonly server?: tls.TlsOptions;
  readonly client?: tls.ConnectionOptions;
  /** Exchanges data after the handshake. Afterwards the client closes the connection. */
  exchange(client: tls.TLSSocket, server: tls.TLSSocket): Promise<void>;
}

/** Records one TLS connection between two sockets of Node. */
export async function recordTls(
  identity: Identity,
  { server = {}, client = {}, exchange }: RecordTlsOptions,
): Promise<Recording> {
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
    if (isUp) await exchange(socket, peer);
  }
  socket.end();
  await tap.close();
  listener.close();
  return { chunks: tap.chunks, keys: Buffer.concat(keys).toString() };
}

/** Sends bytes and waits until the peer has received all of them. */
export async function sendAndWait(from: tls.TLSSocket, to: tls.TLSSocket, bytes: Buffer): Promise<void> {
  const received = receiveCounter(to);
  const before = received.bytes;
  from.write(bytes);
  await eventually(() => received.bytes >= before + bytes.length);
}

const counters = new WeakMap<tls.TLSSocket, { bytes: number }>();

function receiveCounter(socket: tls.TLSSocket): { bytes: number } {
  const existing = counters.get(socket);
  if (existing) return existing;
  const counter = { bytes: 0 };
  counters.set(socket, counter);
  socket.on('data', (bytes) => {
    counter.bytes += bytes.length;
  });
  return counter;
}

/** A running `openssl` command. */
export interface OpensslProcess {
  write(text: string | Buffer): void;
  /** The output so far, both streams. */
  readonly output: string;
  /** Closes stdin and waits until the process exits. */
  finish(): Promise<void>;
}

export function openssl(...args: readonly string[]): OpensslProcess {
  const child = spawn('openssl', args, { stdio: 'pipe' });
  let output = '';
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  // The process may exit before it has read all input.
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
    });
  }
  return {
    write: (text) => child.stdin.write(text),
    get output() {
      return output;
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
