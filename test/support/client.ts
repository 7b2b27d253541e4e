/** A raw RDG client on real TLS sockets, driven by the sans-IO client session; WebSocket frames are made by ws. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { Receiver, Sender } from 'ws';
import { type ClientEffect, type ClientOptions, ClientSession } from '../../src/protocol/index.js';

export interface RawClientOptions extends Partial<ClientOptions> {
  readonly gatewayPort: number;
  readonly ca: string;
  readonly transport: 'websocket' | 'http';
  readonly connectionId?: string;
}

/** The byte pipe below a session: PDUs out, a byte stream in. */
export interface Pipe {
  readonly sockets: readonly TLSSocket[];
  send(pdu: Buffer): void;
  onBytes(handler: (bytes: Buffer) => void): void;
  close(): void;
}

export async function tlsSocket(port: number, ca: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Writes a request head and reads the answer's head; `rest` is what came behind it. */
export async function request(socket: TLSSocket, lines: readonly string[]): Promise<{ head: string; rest: Buffer }> {
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return readHead(socket);
}

export async function readHead(socket: TLSSocket): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end >= 0) return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) };
    const chunk: Buffer | null = socket.read();
    if (chunk) bytes = Buffer.concat([bytes, chunk]);
    else if (socket.readableEnded || socket.destroyed) throw new Error(`no answer, only ${JSON.stringify(bytes.toString())}`);
    else await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
}

export const rdgHead = (method: string, connectionId: string, more: readonly string[] = []): string[] => [
  `${method} /remoteDesktopGateway/ HTTP/1.1`,
  'Host: localhost',
  `RDG-Connection-Id: {${connectionId}}`,
  `RDG-Correlation-Id: {${connectionId}}`,
  'RDG-Auth-Scheme: PAA',
  ...more,
];

export async function openPipe(options: RawClientOptions): Promise<Pipe> {
  const { gatewayPort, ca, transport, connectionId = randomUUID() } = options;
  return transport === 'websocket'
    ? webSocketPipe(await tlsSocket(gatewayPort, ca), connectionId)
    : dualPipe(await tlsSocket(gatewayPort, ca), await tlsSocket(gatewayPort, ca), connectionId);
}

export async function webSocketPipe(socket: TLSSocket, connectionId: string): Promise<Pipe> {
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-Websocket-Version: 13'];
  const key = `Sec-Websocket-Key: ${randomBytes(16).toString('base64')}`;
  const { head, rest } = await request(socket, rdgHead('RDG_OUT_DATA', connectionId, [...upgrade, key]));
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(head);
  const sender = new Sender(socket);
  const receiver = new Receiver({ isServer: false });
  return {
    sockets: [socket],
    send: (pdu) => sender.send(pdu, { binary: true, compress: false, fin: true, mask: true }),
    onBytes(handler) {
      receiver.on('message', handler);
      receiver.on('error', () => socket.destroy());
      if (rest.length > 0) receiver.write(rest);
      socket.on('data', (chunk: Buffer) => receiver.write(chunk));
    },
    close: () => socket.destroy(),
  };
}

export async function dualPipe(out: TLSSocket, incoming: TLSSocket, connectionId: string): Promise<Pipe> {
  const answer = await request(out, rdgHead('RDG_OUT_DATA', connectionId));
  if (!answer.head.startsWith('HTTP/1.1 200')) throw new Error(answer.head);
  const chunked = /transfer-encoding: chunked/i.test(answer.head);
  const probe = await request(incoming, rdgHead('RDG_IN_DATA', connectionId, ['Content-Length: 0']));
  if (!probe.head.startsWith('HTTP/1.1 200')) throw new Error(probe.head);
  incoming.write(`${rdgHead('RDG_IN_DATA', connectionId, ['Transfer-Encoding: chunked']).join('\r\n')}\r\n\r\n`);
  const SEED = 10;
  let skip = SEED;
  const unchunk = chunked ? dechunker() : (bytes: Buffer) => bytes;
  return {
    sockets: [out, incoming],
    send(pdu) {
      incoming.write(`${pdu.length.toString(16).toUpperCase()}\r\n`);
      incoming.write(pdu);
      incoming.write('\r\n');
    },
    onBytes(handler) {
      const take = (raw: Buffer): void => {
        const bytes = unchunk(raw);
        const seed = Math.min(skip, bytes.length);
        skip -= seed;
        if (bytes.length > seed) handler(bytes.subarray(seed));
      };
      if (answer.rest.length > 0) take(answer.rest);
      out.on('data', take);
    },
    close() {
      out.destroy();
      incoming.destroy();
    },
  };
}

/** The simplest reader of chunks that can be right: keeps everything, takes what is complete. */
function dechunker(): (bytes: Buffer) => Buffer {
  let held = Buffer.alloc(0);
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

/** A whole client: the session on a pipe, its effects kept, bytes collected. */
export class RawClient {
  readonly session: ClientSession;
  readonly pipe: Pipe;
  readonly effects: ClientEffect[] = [];
  received = Buffer.alloc(0);
  receivedBytes = 0;
  keep = true;
  failure: unknown;
  #changed: (() => void)[] = [];

  constructor(pipe: Pipe, options: Partial<ClientOptions>) {
    this.pipe = pipe;
    this.session = new ClientSession({ clientName: 'RAW', resources: ['127.0.0.1'], port: 3389, ...options });
    for (const socket of pipe.sockets) socket.on('close', () => this.#notify());
  }

  static async open(options: RawClientOptions): Promise<RawClient> {
    const client = new RawClient(await openPipe(options), options);
    client.start();
    return client;
  }

  start(): void {
    this.pipe.onBytes((bytes) => {
      try {
        this.#run(this.session.receive(bytes));
      } catch (error) {
        this.failure = error;
        this.#notify();
      }
    });
    this.#run(this.session.start());
  }

  get closed(): boolean {
    return this.pipe.sockets.every((socket) => socket.destroyed || socket.readableEnded);
  }

  send(bytes: Buffer): void {
    this.session.wrap(bytes, (pdu) => this.pipe.send(pdu));
  }

  closeChannel(): void {
    this.#run(this.session.closeChannel());
  }

  createChannel(): void {
    this.#run(this.session.createChannel());
  }

  /** Waits for an effect of this kind. */
  async until<K extends ClientEffect['do']>(kind: K): Promise<Extract<ClientEffect, { do: K }>> {
    await this.when(() => this.effects.some((effect) => effect.do === kind));
    return this.effects.find((effect) => effect.do === kind) as Extract<ClientEffect, { do: K }>;
  }

  async when(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  #run(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      if (effect.do === 'send') this.pipe.send(effect.pdu);
      else if (effect.do === 'deliver') {
        this.receivedBytes += effect.bytes.length;
        if (this.keep) this.received = Buffer.concat([this.received, effect.bytes]);
      } else this.effects.push(effect);
    }
    this.#notify();
  }

  #notify(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}
