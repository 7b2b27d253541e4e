/** A raw RDG client on real TLS sockets, driven by the sans-IO client session; WebSocket frames are made by ws. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Receiver, Sender } from 'ws';
import { type ClientEffect, type ClientOptions, ClientSession } from '../../src/protocol/index.js';
import { Signal } from './wait.js';

export const TRANSPORTS = ['websocket', 'http'] as const;
export type TransportKind = (typeof TRANSPORTS)[number];

/** The gateway to go to: a `TestGateway` is one. */
export interface Server {
  /** 127.0.0.1, unless it is elsewhere. */
  readonly host?: string;
  readonly port: number;
  readonly ca: string;
}

export interface RawClientOptions extends Partial<ClientOptions> {
  readonly transport: TransportKind;
  readonly connectionId?: string;
  readonly headers?: readonly string[];
}

/** The byte pipe below a session: PDUs out, a byte stream in. */
export interface Pipe {
  /** The one with what the gateway sends comes first. */
  readonly sockets: readonly [TLSSocket, ...TLSSocket[]];
  /** The one that carries what the client sends. */
  readonly up: TLSSocket;
  /** Code of the WebSocket's close frame, once the gateway has sent one. */
  readonly closeCode: number | undefined;
  /** Sends bytes in a frame, or in a chunk, of their own. */
  send(bytes: Buffer): void;
  onBytes(handler: (bytes: Buffer) => void): void;
  close(): void;
}

const below = new WeakMap<TLSSocket, Socket>();

export async function tlsSocket({ host = '127.0.0.1', port, ca }: Server, localAddress?: string): Promise<TLSSocket> {
  const from = localAddress === undefined ? {} : { localAddress };
  const tcp = connectTcp({ host, port, ...from });
  tcp.setNoDelay(true);
  tcp.on('error', () => undefined);
  const socket = connectTls({ socket: tcp, ca, servername: 'localhost' });
  socket.on('error', () => undefined);
  below.set(socket, tcp);
  await once(socket, 'secureConnect');
  return socket;
}

/** The TCP socket below TLS: what is done to it comes without a word of TLS to the other side. */
export function tcpOf(socket: TLSSocket): Socket {
  return below.get(socket) as Socket;
}

export interface Answer {
  readonly status: number;
  readonly head: string;
  /** What came behind the head in the same read. */
  readonly rest: Buffer;
}

/** Writes a request head and reads the answer's head. */
export async function request(socket: TLSSocket, lines: readonly string[], body = ''): Promise<Answer> {
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return readAnswer(socket);
}

export async function readAnswer(socket: TLSSocket): Promise<Answer> {
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
      throw new Error(`no answer, only ${JSON.stringify(bytes.toString())}`);
    else await somethingFrom(socket);
  }
}

/** Resolves when there is something to read, or never will be. */
function somethingFrom(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['readable', 'end', 'close']) socket.off(event, done);
      resolve();
    };
    for (const event of ['readable', 'end', 'close']) socket.on(event, done);
  });
}

/** Whatever else comes until the gateway ends the connection. */
export async function remainder(socket: TLSSocket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk) parts.push(chunk);
    else if (socket.readableEnded || socket.destroyed) return Buffer.concat(parts);
    else await somethingFrom(socket);
  }
}

export async function gone(socket: TLSSocket): Promise<void> {
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
    return joinIn(out, await tlsSocket(server), connectionId, headers);
  }
  const socket = await tlsSocket(server);
  const { status, head, rest } = await request(
    socket,
    rdgHead('RDG_OUT_DATA', connectionId, [...upgradeHeaders(), ...headers]),
  );
  if (status !== 101) throw new Error(head);
  return webSocketPipe(socket, rest);
}

/** Frames on a socket whose upgrade was answered with 101. */
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
    // A copy, since ws masks in place.
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
  readonly answer: Answer;
}

/** The OUT channel up to its 200. */
export async function openOut(
  socket: TLSSocket,
  connectionId: string,
  headers: readonly string[] = [],
): Promise<OutChannel> {
  const answer = await request(socket, rdgHead('RDG_OUT_DATA', connectionId, headers));
  if (answer.status !== 200) throw new Error(answer.head);
  return { socket, answer };
}

/** Both channels of the dual-channel transport. */
export async function joinIn(
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

/** A pipe on channels whose requests have been sent. */
export function dualPipe(
  { socket: out, answer }: OutChannel,
  incoming: TLSSocket,
  frame: (bytes: Buffer) => Buffer,
): Pipe {
  const SEED = 10;
  let skip = SEED;
  const unchunk = /transfer-encoding: chunked/i.test(answer.head) ? dechunker() : (bytes: Buffer) => bytes;
  return {
    sockets: [out, incoming],
    up: incoming,
    closeCode: undefined,
    send: (bytes) => void incoming.write(frame(bytes)),
    onBytes(handler) {
      const take = (raw: Buffer): void => {
        const bytes = unchunk(raw);
        const seed = Math.min(skip, bytes.length);
        skip -= seed;
        if (bytes.length > seed) handler(bytes.subarray(seed));
      };
      if (answer.rest.length > 0) take(answer.rest);
      out.on('data', take);
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

/** The simplest reader of chunks that can be right: keeps everything, takes what is complete. */
function dechunker(): (bytes: Buffer) => Buffer {
  let held: Buffer = Buffer.alloc(0);
  return (bytes) => {
    held = Buffer.concat([held, bytes]);
    const parts: Buffer[] = [];
    for (;;) {
      const line = held.indexOf('\r\n');
      if (line < 0) break;
      const size = Number.parseInt(held.toString('latin1', 0, line), 16);
      const end = line + 2 + size + 2;
      if (held.length < end) break;
      parts.push(held.subarray(line + 2, line + 2 + size));
      held = held.subarray(end);
    }
    return Buffer.concat(parts);
  };
}

/** A test that looks at pieces has few of them, a test that moves megabytes does not look. */
const PIECES_MAX = 1000;

/** A whole client: the session on a pipe, its effects kept, bytes collected. */
export class RawClient {
  readonly session: ClientSession;
  readonly pipe: Pipe;
  readonly effects: ClientEffect[] = [];
  /** What came in one piece; on the WebSocket that is a PDU, since each has a frame of its own. */
  readonly pieces: Buffer[] = [];
  receivedBytes = 0;
  /** Takes what the target sent; by default all of it is kept. */
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

  /** A client on its way: the handshake is sent. */
  static async start(server: Server, options: RawClientOptions): Promise<RawClient> {
    const client = new RawClient(await openPipe(server, options), options);
    client.start();
    return client;
  }

  /** A client whose channel is open. */
  static async open(server: Server, options: RawClientOptions): Promise<RawClient> {
    const client = await RawClient.start(server, options);
    await client.until('opened');
    return client;
  }

  start(): void {
    this.listen();
    this.#run(this.session.start());
  }

  /** Reads without having said anything. */
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

  /** What the target sent, so far. */
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

  /** Waits for the effect of this kind that follows the first `skip` of them. */
  async until<K extends ClientEffect['do']>(kind: K, skip = 0): Promise<Extract<ClientEffect, { do: K }>> {
    const find = () => this.effects.filter((effect) => effect.do === kind)[skip];
    await this.when(() => {
      if (find() === undefined && this.closed) throw new Error(`the gateway ended before "${kind}" came`);
      return find() !== undefined;
    });
    return find() as Extract<ClientEffect, { do: K }>;
  }

  async gets(bytes: number): Promise<Buffer> {
    await this.when(() => this.receivedBytes >= bytes || this.closed);
    return this.received;
  }

  /** Until the gateway has ended every connection. */
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
