/**
 * Forwards an IN channel to the worker process where its OUT channel waits. A TLS session cannot move between
 * processes, so the bytes of the request body are sent over a local socket, not decoded: the process that owns the
 * tunnel reads them like those of its own client.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { BodyFraming } from '../../http/fields.js';
import type { Refusal } from '../http/refusal.js';
import { jsonLine, readLine } from '../io/json-line.js';
import { endSocket, ignoreError } from '../io/sockets.js';
import { WRITE_QUEUE_OPTIONS, WriteQueue } from '../io/write-queue.js';
import type { ChannelKey } from '../listener/channel-table.js';
import type { ChannelDirectory, InChannel, JoinResult } from '../listener/pairing.js';

/** Where an OUT channel waits, seen from one process: at the local address of another one. */
export type ChannelPlace = { readonly address: string } | 'absent' | 'other address';

/** The OUT channels of all processes. No method rejects. */
export interface ChannelRegistry {
  /** Registers an OUT channel of this process. Returns a refusal when another process has one with the same key. */
  add(key: ChannelKey): Promise<Refusal | undefined>;
  remove(key: ChannelKey): void;
  find(key: ChannelKey): Promise<ChannelPlace>;
}

export interface ForwardingOptions {
  /** Path of this process's Unix domain socket or pipe, in a directory that only its owner can access. */
  readonly address: string;
  /** Known to all processes of one gateway and to no other process. */
  readonly secret: string;
  readonly registry: ChannelRegistry;
  /** The current settings, in seconds: `close` limits the end of a connection. */
  readonly timeouts: () => { readonly close: number };
  /**
   * Called for a client of this process whose session is in another process: it counts as a session until its socket
   * closes.
   */
  readonly forwarded: (client: Socket) => void;
}

/** Joins an IN channel. After the answer, which is an `Answer`, the body of the request follows as the client sends it. */
interface JoinRequest {
  readonly secret: string;
  readonly key: ChannelKey;
  readonly framing: BodyFraming;
}
interface Answer {
  readonly result: JoinResult;
}

/**
 * A process answers at once unless it hangs or is busy for seconds; then the request fails, and the client can try
 * again.
 */
const ANSWER_MS = 5_000;
/** The messages of the owner while the body is forwarded, one byte each: the user is authenticated; the body is complete. */
const AUTHENTICATED = 0x61;
const COMPLETED = 0x63;
const EMPTY = Buffer.alloc(0);

type JoinHere = (key: ChannelKey, channel: InChannel) => Promise<JoinResult>;

export class ChannelForwarding implements ChannelDirectory {
  readonly #options: ForwardingOptions;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  add(key: ChannelKey): Promise<Refusal | undefined> {
    return this.#options.registry.add(key);
  }

  remove(key: ChannelKey): void {
    this.#options.registry.remove(key);
  }

  /**
   * INVARIANT: only the process that has the OUT channel decides, so that the first of several IN channels wins.
   */
  async join(key: ChannelKey, channel: InChannel): Promise<JoinResult> {
    const { registry, secret } = this.#options;
    const place = await registry.find(key);
    if (typeof place === 'string') return place;
    const socket = this.#track(connect({ path: place.address, ...WRITE_QUEUE_OPTIONS }));
    const request: JoinRequest = { secret, key, framing: channel.framing };
    socket.write(jsonLine(request));
    const answer = await readLine(socket, ANSWER_MS).then(
      (line) => line as Answer,
      // The process that had the OUT channel has exited, or hangs.
      (): Answer => ({ result: 'absent' }),
    );
    // The client may have disconnected during the call to the other process, and `close` is emitted only once.
    if (answer.result === 'joined' && !channel.socket.destroyed) this.#forward(channel, socket);
    else socket.destroy();
    return answer.result;
  }

  /** Accepts IN channels that other processes forward to OUT channels of this one. */
  listen(joinHere: JoinHere): Promise<void> {
    const server = createServer((socket) => void this.#serve(this.#track(socket), joinHere));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // Exclusive: node:cluster would otherwise share the address between all workers.
      server.listen({ path: this.#options.address, exclusive: true }, resolve);
    });
  }

  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(socket: Socket, joinHere: JoinHere): Promise<void> {
    try {
      const { secret, key, framing } = (await readLine(socket, ANSWER_MS)) as JoinRequest;
      if (!isSame(secret, this.#options.secret)) return void socket.destroy();
      const notify = (message: number) => (): void => void (socket.writable && socket.write(Buffer.of(message)));
      const [authenticated, completed] = [notify(AUTHENTICATED), notify(COMPLETED)];
      const answer: Answer = {
        result: await joinHere(key, { socket, framing, rest: EMPTY, authenticated, completed }),
      };
      if (socket.writable) socket.write(jsonLine(answer));
      if (answer.result !== 'joined') endSocket(socket, ANSWER_MS);
    } catch {
      socket.destroy();
    }
  }

  /** Forwards the body of the IN channel. The end of either socket ends the other one. */
  #forward({ socket, rest, authenticated, completed }: InChannel, workerSocket: Socket): void {
    this.#options.forwarded(socket);
    const writeQueue = new WriteQueue(workerSocket);
    const forward = (bytes: Buffer): void => {
      if (!writeQueue.write(bytes)) socket.pause();
    };
    writeQueue.open(() => void socket.resume());
    if (rest.length > 0) forward(rest);
    socket.on('data', forward);
    for (const event of ['end', 'close']) socket.once(event, () => workerSocket.end());
    workerSocket.on('data', (messages: Buffer) => {
      if (messages.includes(AUTHENTICATED)) authenticated();
      if (messages.includes(COMPLETED)) completed();
    });
    workerSocket.once('close', () => endSocket(socket, this.#options.timeouts().close * 1000));
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', ignoreError);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** Compares in constant time. `given` comes from the other side and may have any type. */
function isSame(given: unknown, secret: string): boolean {
  const [left, right] = [Buffer.from(String(given)), Buffer.from(secret)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Creates the secret that all processes of one gateway share. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}
