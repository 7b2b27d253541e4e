/**
 * Forwards an IN channel to the worker process where its OUT channel waits. A TLS session cannot move between
 * processes, so the bytes of the request body are sent over a local socket, not decoded: the process that owns the
 * tunnel reads them like those of its own client.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { HeadError } from '../../http/errors.js';
import type { BodyFraming } from '../../http/fields.js';
import type { Refusal } from '../http/refusal.js';
import { jsonLine, readLine } from '../io/json-line.js';
import { endSocket, ignoreError } from '../io/sockets.js';
import { WRITE_QUEUE_OPTIONS, WriteQueue } from '../io/write-queue.js';
import { type ChannelDirectory, type Claim, type InChannel, NO_OUT_CHANNEL } from '../listener/pairing.js';

/** The OUT channels of all processes. No method rejects. */
export interface ChannelRegistry {
  /** Registers an OUT channel of this process. Returns a refusal when another process has one with the same id. */
  add(connectionId: string, peer: string): Promise<Refusal | undefined>;
  remove(connectionId: string, peer: string): void;
  /** The local address of the other process that has the OUT channel. */
  find(connectionId: string, peer: string): Promise<string | undefined>;
}

export interface ForwardingOptions {
  /** Path of this process's Unix domain socket or pipe, in a directory that only its owner can access. */
  readonly address: string;
  /** Known to all processes of one gateway and to no other process. */
  readonly secret: string;
  readonly registry: ChannelRegistry;
  /**
   * The current settings, in seconds: `pairing` limits the wait for the body of the IN channel, `close` the end of a
   * connection.
   */
  readonly timeouts: () => { readonly pairing: number; readonly close: number };
  /**
   * Called for a client of this process whose session is in another process: it counts as a session until its socket
   * closes.
   */
  readonly forwarded: (client: Socket) => void;
}

/**
 * The first message of the process that claims an OUT channel. The owner answers each message with a `Refusal` or an
 * empty object.
 */
interface ClaimRequest {
  readonly secret: string;
  readonly connectionId: string;
  readonly peer: string;
}
/** The second message: the body of the IN channel begins. */
interface BodyStart {
  readonly framing: BodyFraming;
}
type Answer = Refusal | Record<string, never>;

/**
 * A process answers at once unless it hangs or is busy for seconds; then the request fails, and the client can try
 * again.
 */
const ANSWER_MS = 5_000;
/** The owner's message that the user is authenticated: the only one that it sends while the body is forwarded. */
const AUTHENTICATED = Buffer.from('\n');
const EMPTY = Buffer.alloc(0);

export class ChannelForwarding implements ChannelDirectory {
  readonly #options: ForwardingOptions;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  add(connectionId: string, peer: string): Promise<Refusal | undefined> {
    return this.#options.registry.add(connectionId, peer);
  }

  remove(connectionId: string, peer: string): void {
    this.#options.registry.remove(connectionId, peer);
  }

  /**
   * INVARIANT: only the process that has the OUT channel grants claims, so that the first of several IN channels wins.
   */
  async claim(connectionId: string, peer: string): Promise<Claim | Refusal | undefined> {
    const { registry, secret } = this.#options;
    const address = await registry.find(connectionId, peer);
    if (address === undefined) return undefined;
    const socket = this.#track(connect({ path: address, ...WRITE_QUEUE_OPTIONS }));
    const request: ClaimRequest = { secret, connectionId, peer };
    socket.write(jsonLine(request));
    const answer = await this.#readAnswer(socket);
    if (answer === undefined) return undefined;
    if (isRefusal(answer)) return answer;
    return { join: (channel) => this.#send(socket, channel), drop: () => void socket.destroy() };
  }

  /** Accepts claims of other processes on the OUT channels of this one. */
  listen(claimHere: (connectionId: string, peer: string) => Promise<Claim | Refusal | undefined>): Promise<void> {
    const server = createServer((socket) => void this.#serve(this.#track(socket), claimHere));
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

  async #serve(
    socket: Socket,
    claimHere: (connectionId: string, peer: string) => Promise<Claim | Refusal | undefined>,
  ): Promise<void> {
    let claim: Claim | undefined;
    try {
      const { secret, connectionId, peer } = (await readLine(socket, ANSWER_MS)) as ClaimRequest;
      if (!isSame(secret, this.#options.secret)) return void socket.destroy();
      const claimed = (await claimHere(connectionId, peer)) ?? NO_OUT_CHANNEL;
      if (isRefusal(claimed)) return this.#end(socket, claimed);
      claim = claimed;
      socket.write(jsonLine({}));
      const { framing } = (await readLine(socket, this.#options.timeouts().pairing * 1000 + ANSWER_MS)) as BodyStart;
      const authenticated = (): void => void (socket.writable && socket.write(AUTHENTICATED));
      const refused = await claim.join({ socket, framing, rest: EMPTY, authenticated });
      if (refused !== undefined) return this.#end(socket, refused);
      if (socket.writable) socket.write(jsonLine({}));
    } catch (error) {
      claim?.drop();
      if (!(error instanceof HeadError)) socket.destroy();
      else this.#end(socket, { status: error.status, reason: error.message });
    }
  }

  /** Forwards the body of the IN channel. The end of either socket ends the other one. */
  async #send(workerSocket: Socket, { socket, framing, rest, authenticated }: InChannel): Promise<Refusal | undefined> {
    const bodyStart: BodyStart = { framing };
    if (workerSocket.writable) workerSocket.write(jsonLine(bodyStart));
    const answer = await this.#readAnswer(workerSocket);
    if (answer === undefined) throw new HeadError('OUT_GONE', 'the OUT channel ended before its IN channel began');
    if (isRefusal(answer)) return answer;
    // The client may have disconnected during the call to the other process, and `close` is emitted only once.
    if (socket.destroyed) {
      workerSocket.destroy();
      return undefined;
    }
    this.#options.forwarded(socket);
    const writeQueue = new WriteQueue(workerSocket);
    const forward = (bytes: Buffer): void => {
      if (!writeQueue.write(bytes)) socket.pause();
    };
    writeQueue.open(() => void socket.resume());
    if (rest.length > 0) forward(rest);
    socket.on('data', forward);
    for (const event of ['end', 'close']) socket.once(event, () => workerSocket.end());
    workerSocket.once('data', authenticated).resume();
    workerSocket.once('close', () => endSocket(socket, this.#options.timeouts().close * 1000));
    return undefined;
  }

  /** Reads one answer, undefined when none arrives. The socket stays open only if the answer is not a refusal. */
  async #readAnswer(socket: Socket): Promise<Answer | undefined> {
    const answer = await readLine(socket, ANSWER_MS).then(
      (line) => line as Answer,
      () => undefined,
    );
    if (answer === undefined || isRefusal(answer)) socket.destroy();
    return answer;
  }

  #end(socket: Socket, refused: Refusal): void {
    if (socket.writable) socket.write(jsonLine(refused));
    endSocket(socket, ANSWER_MS);
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', ignoreError);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

function isRefusal(answer: Claim | Answer): answer is Refusal {
  return 'status' in answer;
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
