/** An RDG client on real TLS sockets. It uses the sans-IO client session, and ws for WebSocket frames. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Receiver, Sender } from 'ws';
import { type ClientEffect, type ClientOptions, ClientSession } from '../../src/protocol/index.js';
import { Signal } from './wait.js';

export const TRANSPORTS = ['websocket', 'http'] as const;
export type TransportKind = (typeof TRANSPORTS)[number];

/** The gateway to connect to, for example a `TestGateway`. */
export interface Server {
  /** 127.0.0.1 by default. */
  readonly host?: string;
  readonly port: number;
  readonly ca: string;
  /** The local address of the client, for example 127.0.0.9. */
  readonly from?: string;
  /** A Unix socket instead of host and port. */
  readonly path?: string;
  /** Plain HTTP instead of TLS. */
  readonly plain?: boolean;
  /** Bytes before the first one of TLS or HTTP, such as a PROXY header. */
  readonly preamble?: Buffer;
}

export interface RawClientOptions extends Partial<ClientOptions> {
  readonly transport: TransportKind;
  readonly connectionId?: string;
  readonly headers?: readonly string[];
}

/** The transport of a session: sends PDUs and receives a byte stream. */
export interface Pipe {
  /** The socket on which the gateway sends is the first one. */
  readonly sockets: readonly [TLSSocket, ...TLSSocket[]];
  /** The socket on which the client sends. */
  readonly up: TLSSocket;
  /** The code of the WebSocket close frame of the gateway, undefined before it arrives. */
  readonly closeCode: number | undefined;
  /** Sends bytes in one frame or one chunk. */
  send(bytes: Buffer): void;
  onBytes(handler: (bytes: Buffer) => void): void;
  close(): void;
}

const tcpSockets = new WeakMap<TLSSocket, Socket>();

/** A connection to the gateway: with TLS, unless `server.plain`. */
export async function tlsSocket(server: Server, localAddress = server.from): Promise<TLSSocket> {
  const { host = '127.0.0.1', port, ca, path, plain = false, preamble } = server;
  const from = localAddress === undefined ? {} : { localAddress };
  const tcp = connectTcp(path === undefined ? { host, port, ...from } : { path });
  tcp.setNoDelay(true);
  tcp.on('error', () => undefined);
  if (preamble !== undefined) tcp.write(preamble);
  if (plain) {
    // It has every method that the tests use.
    const socket = tcp as TLSSocket;
    tcpSockets.set(socket, tcp);
    await once(tcp, 'connect');
    return socket;
  }
  const socket = connectTls({ socket: tcp, ca, servername: 'localhost' });
  socket.on('error', () => undefined);
  tcpSockets.set(socket, tcp);
  await once(socket, 'secureConnect');
  return socket;
}

/** The TCP socket below a TLS socket, for actions without a TLS alert to the peer. */
export function tcpOf(socket: TLSSocket): Socket {
  return tcpSockets.get(socket) as Socket;
}

export interface HttpResponse {
  readonly status: number;
  readonly head: string;
  /** The bytes after the head that arrived in the same read. */
  readonly rest: Buffer;
}

/** Sends a request and reads the head of the response. */
export async function request(socket: TLSSocket, lines: readonly string[], body = ''): Promise<HttpResponse> {
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return readResponse(socket);
}

export async function readResponse(socket: TLSSocket): Promise<HttpResponse> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end >= 0) {
      const head = bytes.toString('latin1', 0, end);
      return { status: Number(head.split(' ')[1]), head, rest: bytes.subarray(end + 4) };
    }
    const chunk: Buffer | null = socket.read();
    if (chunk) bytes = Buffer.concat([bytes, chunk]);
    else if (socket.readableEnded || socket.destroyed)
      throw new Error(`no response head, only ${JSON.stringify(bytes.toString())}`);
    else await readableOrClosed(socket);
  }
}

/** Resolves when there are bytes to read or the socket has ended. */
function readableOrClosed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['readable', 'end', 'close']) socket.off(event, done);
      resolve();
    };
    for (const event of ['readable', 'end', 'close']) socket.on(event, done);
  });
}

/** Reads until the gateway ends the connection. */
export async function remainder(socket: TLSSocket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk) parts.push(chunk);
    else if (socket.readableEnded || socket.destroyed) return Buffer.concat(parts);
    else await readableOrClosed(socket);
  }
}

export async function waitForClose(socket: TLSSocket): Promise<void> {
  if (!socket.closed) await once(socket, 'close');
}

export const rdgHead = (method: string, connectionId: string, more: readonly string[] = []): string[] => [
  `${method} /remoteDesktopGateway/ HTTP/1.1`,
  'Host: localhost',
  `RDG-Connection-Id: {${connectionId}}`,
  `RDG-Correlation-Id: {${connectionId}}`,
  ...(more.some((line) => /^(rdg-auth-scheme|authorization):/i.test(line)) ? [] : ['RDG-Auth-Scheme: PAA']),
  ...more,
];

export const upgradeHeaders = (key = randomBytes(16).toString('base64')): string[] => [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-Websocket-Version: 13',
  `Sec-Websocket-Key: ${key}`,
];

export async function openPipe(server: Server, options: RawClientOptions): Promise<Pipe> {
  const { transport, connectionId = randomUUID(), headers = [] } = options;
  if (transport === 'http') {
    const out = await openOut(await tlsSocket(server), connectionId, headers);
    return openIn(out, await tlsSocket(server), connectionId, headers);
  }
  const socket = await tlsSocket(server);
  const { status, head, rest } = await request(
    socket,
    rdgHead('RDG_OUT_DATA', connectionId, [...upgradeHeaders(), ...headers]),
  );
  if (status !== 101) throw new Error(head);
  return webSocketPipe(socket, rest);
}

/** The transport on a socket whose upgrade was accepted (status 101). */
export function webSocketPipe(socket: TLSSocket, rest: Buffer): Pipe {
  const sender = new Sender(socket);
  const receiver = new Receiver({ isServer: false });
  let closeCode: number | undefined;
  receiver.on('conclude', (code) => {
    closeCode = code;
  });
  return {
    sockets: [socket],
    up: socket,
    get closeCode() {
      return closeCode;
    },
    // A copy, because ws masks the buffer in place.
    send: (bytes) => sender.send(Buffer.from(bytes), { binary: true, compress: false, fin: true, mask: true }),
    onBytes(handler) {
      receiver.on('message', handler);
      receiver.on('error', () => socket.destroy());
      if (rest.length > 0) receiver.write(rest);
      socket.on('data', (chunk: Buffer) => receiver.write(chunk));
    },
    close: () => socket.destroy(),
  };
}

export interface OutChannel {
  readonly socket: TLSSocket;
  readonly response: HttpResponse;
}

/** Opens the OUT channel and waits for the response with status 200. */
export async function openOut(
  socket: TLSSocket,
  connectionId: string,
  headers: readonly string[] = [],
): Promise<OutChannel> {
  const response = await request(socket, rdgHead('RDG_OUT_DATA', connectionId, headers));
  if (response.status !== 200) throw new Error(response.head);
  return { socket, response };
}

/** Opens the IN channel and returns the dual-channel transport. */
export async function openIn(
  out: OutChannel,
  socket: TLSSocket,
  connectionId: string,
  headers: readonly string[] = [],
): Promise<Pipe> {
  const probe = await request(socket, rdgHead('RDG_IN_DATA', connectionId, ['Content-Length: 0', ...headers]));
  if (probe.status !== 200) throw new Error(probe.head);
  socket.write(
    `${rdgHead('RDG_IN_DATA', connectionId, ['Transfer-Encoding: chunked', ...headers]).join('\r\n')}\r\n\r\n`,
  );
  return dualPipe(out, socket, chunk);
}

/** The dual-channel transport on two sockets whose requests were sent. */
export function dualPipe(
  { socket: out, response }: OutChannel,
  incoming: TLSSocket,
  frame: (bytes: Buffer) => Buffer,
): Pipe {
  const SEED = 10;
  // A proxy may join the body of the gateway to chunks that are larger than what a client session takes at once.
  const PIECE = 65_536;
  let skip = SEED;
  const unchunk = /transfer-encoding: chunked/i.test(response.head) ? dechunker() : (bytes: Buffer) => bytes;
  return {
    sockets: [out, incoming],
    up: incoming,
    closeCode: undefined,
    send: (bytes) => void incoming.write(frame(bytes)),
    onBytes(handler) {
      const receive = (raw: Buffer): void => {
        const bytes = unchunk(raw);
        const seed = Math.min(skip, bytes.length);
        skip -= seed;
        for (let at = seed; at < bytes.length; at += PIECE) handler(bytes.subarray(at, at + PIECE));
      };
      if (response.rest.length > 0) receive(response.rest);
      out.on('data', receive);
      incoming.resume();
    },
    close() {
      out.destroy();
      incoming.destroy();
    },
  };
}

export function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16).toUpperCase()}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** A simple parser of chunks, independent of the one under test. It buffers all bytes until a chunk is complete. */
function dechunker(): (bytes: Buffer) => Buffer {
  let buffered: Buffer = Buffer.alloc(0);
  return (bytes) => {
    buffered = Buffer.concat([buffered, bytes]);
    const parts: Buffer[] = [];
    for (;;) {
      const line = buffered.indexOf('\r\n');
      if (line < 0) break;
      const size = Number.parseInt(buffered.toString('latin1', 0, line), 16);
      const end = line + 2 + size + 2;
      if (buffered.length < end) break;
      parts.push(buffered.subarray(line + 2, line + 2 + size));
      buffered = buffered.subarray(end);
    }
    return Buffer.concat(parts);
  };
}

/** Tests that check pieces receive few of them. The limit saves memory in tests that transfer megabytes. */
const PIECES_MAX = 1000;

/** A client session on a transport. It records the effects of the session and the received bytes. */
export class RawClient {
  readonly session: ClientSession;
  readonly pipe: Pipe;
  readonly effects: ClientEffect[] = [];
  /** The received pieces. On the WebSocket each is one PDU, because each PDU has its own frame. */
  readonly pieces: Buffer[] = [];
  receivedBytes = 0;
  /** Called with the bytes of the target. By default they are collected for `received`. */
  sink: (bytes: Buffer) => void = (bytes) => void this.#received.push(bytes);
  failure: unknown;
  readonly #received: Buffer[] = [];
  readonly #changed = new Signal();

  constructor(pipe: Pipe, options: Partial<ClientOptions>) {
    this.pipe = pipe;
    this.session = new ClientSession({ clientName: 'RAW', resources: ['127.0.0.1'], port: 3389, ...options });
    for (const socket of pipe.sockets) {
      socket.on('end', () => this.#changed.notify());
      socket.on('close', () => this.#changed.notify());
    }
  }

  /** A connected client that has sent its handshake request. */
  static async start(server: Server, options: RawClientOptions): Promise<RawClient> {
    const client = new RawClient(await openPipe(server, options), options);
    client.start();
    return client;
  }

  /** A client with an open channel. */
  static async open(server: Server, options: RawClientOptions): Promise<RawClient> {
    const client = await RawClient.start(server, options);
    await client.until('opened');
    return client;
  }

  start(): void {
    this.listen();
    this.#run(this.session.start());
  }

  /** Starts to read without sending anything. */
  listen(): void {
    this.pipe.onBytes((bytes) => {
      if (this.pieces.length < PIECES_MAX) this.pieces.push(bytes);
      try {
        this.#run(this.session.receive(bytes));
      } catch (error) {
        this.failure = error;
        this.#changed.notify();
      }
    });
  }

  /** The bytes of the target so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Whether the gateway has ended every connection. */
  get closed(): boolean {
    return this.pipe.sockets.every((socket) => socket.destroyed || socket.readableEnded);
  }

  send(bytes: Buffer): void {
    this.session.wrap(bytes, (pdu) => this.pipe.send(pdu));
  }

  /** The DATA PDUs that would carry these bytes. */
  wrap(bytes: Buffer): Buffer[] {
    const pdus: Buffer[] = [];
    this.session.wrap(bytes, (pdu) => pdus.push(pdu));
    return pdus;
  }

  closeChannel(): void {
    this.#run(this.session.closeChannel());
  }

  createChannel(): void {
    this.#run(this.session.createChannel());
  }

  /** Waits for an effect of this kind after the first `skip` ones. Throws when the connections end before. */
  async until<K extends ClientEffect['do']>(kind: K, skip = 0): Promise<Extract<ClientEffect, { do: K }>> {
    const find = () => this.effects.filter((effect) => effect.do === kind)[skip];
    await this.when(() => {
      if (find() === undefined && this.closed) throw new Error(`the gateway ended before the effect "${kind}"`);
      return find() !== undefined;
    });
    return find() as Extract<ClientEffect, { do: K }>;
  }

  async waitForBytes(bytes: number): Promise<Buffer> {
    await this.when(() => this.receivedBytes >= bytes || this.closed);
    return this.received;
  }

  /** Waits until the gateway has ended every connection. */
  ended(): Promise<void> {
    return this.when(() => this.closed);
  }

  async when(condition: () => boolean): Promise<void> {
    await this.#changed.until(() => {
      if (this.failure) throw this.failure;
      return condition();
    });
  }

  #run(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      if (effect.do === 'send') this.pipe.send(effect.pdu);
      else if (effect.do === 'deliver') {
        this.receivedBytes += effect.bytes.length;
        this.sink(effect.bytes);
      } else this.effects.push(effect);
    }
    this.#changed.notify();
  }
}
