/**
 * The way from the process that got an IN leg to the one where its OUT leg waits. A TLS session cannot move between processes,
 * so the bytes of the body do, over a local socket, undecoded: the process that owns the tunnel reads them as it would its own.
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

/** Where OUT legs wait, over all processes. Nothing here rejects. */
export interface ChannelRegistry {
  /** Registers an OUT leg of this process, or says why not: its id may be live in another one. */
  add(connectionId: string, peer: string): Promise<Refusal | undefined>;
  remove(connectionId: string, peer: string): void;
  /** The local address of another process where such a leg waits. */
  find(connectionId: string, peer: string): Promise<string | undefined>;
}

export interface ForwardingOptions {
  /** Where this process is reached: a socket in a folder that is its owner's alone. */
  readonly address: string;
  /** What all processes of one gateway know, and nobody else. */
  readonly secret: string;
  readonly registry: ChannelRegistry;
  /** In seconds, as they are now: how long the other process may wait for its client, and a client may take to go. */
  readonly timeouts: () => { readonly pairing: number; readonly close: number };
  /** A client of ours whose session is in another process: it counts as one until it is gone. */
  readonly forwarded: (client: Socket) => void;
}

/** What a process says first, and then when the body of its client begins. Answers are a `Refusal` or empty. */
interface ClaimRequest {
  readonly secret: string;
  readonly connectionId: string;
  readonly peer: string;
}
interface BodyStart {
  readonly framing: BodyFraming;
}
type Answer = Refusal | Record<string, never>;

/** A process answers at once, but for one that is stuck or busy for seconds: then the client had better try again. */
const ANSWER_MS = 5_000;
/** Says that the user is known; the owner has nothing else to say once the body flows. */
const ACCEPTED = Buffer.from('\n');
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

  /** INVARIANT: the process where the OUT leg waits decides alone who claims it, so that of many the first one wins. */
  async claim(connectionId: string, peer: string): Promise<Claim | Refusal | undefined> {
    const { registry, secret } = this.#options;
    const address = await registry.find(connectionId, peer);
    if (address === undefined) return undefined;
    const way = this.#track(connect({ path: address, ...WRITE_QUEUE_OPTIONS }));
    const question: ClaimRequest = { secret, connectionId, peer };
    way.write(jsonLine(question));
    const answer = await this.#answer(way);
    if (answer === undefined) return undefined;
    if (isRefusal(answer)) return answer;
    return { join: (leg) => this.#send(way, leg), drop: () => void way.destroy() };
  }

  /** Lets other processes claim what waits here. */
  listen(claimHere: (connectionId: string, peer: string) => Promise<Claim | Refusal | undefined>): Promise<void> {
    const server = createServer((way) => void this.#serve(this.#track(way), claimHere));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // A socket of its own: in a cluster the address would otherwise be shared by all.
      server.listen({ path: this.#options.address, exclusive: true }, resolve);
    });
  }

  close(): void {
    this.#server?.close();
    for (const way of this.#sockets) way.destroy();
  }

  async #serve(
    way: Socket,
    claimHere: (connectionId: string, peer: string) => Promise<Claim | Refusal | undefined>,
  ): Promise<void> {
    let claim: Claim | undefined;
    try {
      const { secret, connectionId, peer } = (await readLine(way, ANSWER_MS)) as ClaimRequest;
      if (!isSame(secret, this.#options.secret)) return void way.destroy();
      const claimed = (await claimHere(connectionId, peer)) ?? NO_OUT_CHANNEL;
      if (isRefusal(claimed)) return this.#end(way, claimed);
      claim = claimed;
      way.write(jsonLine({}));
      const { framing } = (await readLine(way, this.#options.timeouts().pairing * 1000 + ANSWER_MS)) as BodyStart;
      const authenticated = (): void => void (way.writable && way.write(ACCEPTED));
      const refused = await claim.join({ socket: way, framing, rest: EMPTY, authenticated });
      if (refused !== undefined) return this.#end(way, refused);
      if (way.writable) way.write(jsonLine({}));
    } catch (error) {
      claim?.drop();
      if (!(error instanceof HeadError)) way.destroy();
      else this.#end(way, { status: error.status, reason: error.message });
    }
  }

  /** From here on `way` and the client are one: what ends the one ends the other. */
  async #send(way: Socket, { socket, framing, rest, authenticated }: InChannel): Promise<Refusal | undefined> {
    const beginning: BodyStart = { framing };
    if (way.writable) way.write(jsonLine(beginning));
    const answer = await this.#answer(way);
    if (answer === undefined) throw new HeadError('OUT_GONE', 'the OUT channel ended before its IN channel began');
    if (isRefusal(answer)) return answer;
    // It may have left while the other process was asked: a socket tells that once.
    if (socket.destroyed) {
      way.destroy();
      return undefined;
    }
    this.#options.forwarded(socket);
    const outlet = new WriteQueue(way);
    const pass = (bytes: Buffer): void => {
      if (!outlet.write(bytes)) socket.pause();
    };
    outlet.open(() => void socket.resume());
    if (rest.length > 0) pass(rest);
    socket.on('data', pass);
    for (const event of ['end', 'close']) socket.once(event, () => way.end());
    way.once('data', authenticated).resume();
    way.once('close', () => endSocket(socket, this.#options.timeouts().close * 1000));
    return undefined;
  }

  /** Undefined when none came. Only an answer that refuses nothing leaves the way open. */
  async #answer(way: Socket): Promise<Answer | undefined> {
    const answer = await readLine(way, ANSWER_MS).then(
      (line) => line as Answer,
      () => undefined,
    );
    if (answer === undefined || isRefusal(answer)) way.destroy();
    return answer;
  }

  #end(way: Socket, refused: Refusal): void {
    if (way.writable) way.write(jsonLine(refused));
    endSocket(way, ANSWER_MS);
  }

  #track(way: Socket): Socket {
    this.#sockets.add(way);
    way.on('error', ignoreError);
    way.once('close', () => this.#sockets.delete(way));
    return way;
  }
}

function isRefusal(answer: Claim | Answer): answer is Refusal {
  return 'status' in answer;
}

/** Compares in constant time, whatever `given` is. */
function isSame(given: unknown, secret: string): boolean {
  const [one, other] = [Buffer.from(String(given)), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** A secret for all processes of one gateway. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}
