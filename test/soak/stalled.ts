/** Sessions with a side that never reads while the other side sends as fast as it can. Ended sessions are replaced. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type RawClient, TRANSPORTS, type TransportKind } from '../support/client.js';
import { type TestTarget, testTarget } from '../support/target.js';
import { type FigureRow, round } from './figures.js';
import type { SoakGateway } from './gateway.js';
import { Loops, type Traffic } from './traffic.js';

const BLOCK = randomBytes(64 * 1024);

export class StalledSessions implements Traffic {
  /** The start times of the open sessions, by the functions that end them. */
  readonly #open = new Map<() => void, number>();
  readonly #loops: Loops;
  readonly #durations: Record<TransportKind, number[]> = { websocket: [], http: [] };
  #opened = 0;
  #stopping = false;
  #lastOpening: Promise<unknown> = Promise.resolve();

  private constructor(count: number, open: (transport: TransportKind) => Promise<Stall>) {
    this.#loops = new Loops(count, async (index) => {
      const transport = TRANSPORTS[index % TRANSPORTS.length] ?? 'websocket';
      const { end, ended, cleanUp } = await this.#serialize(() => open(transport));
      const start = performance.now();
      this.#open.set(end, start);
      this.#opened++;
      if (this.#stopping) end();
      await ended;
      this.#open.delete(end);
      if (!this.#stopping) this.#durations[transport].push((performance.now() - start) / 1000);
      await cleanUp();
    });
  }

  /** Sessions whose clients never read. */
  static clients(gateway: SoakGateway, count: number): StalledSessions {
    return new StalledSessions(count, async (transport) => {
      const target = await testTarget();
      const client = await gateway.client(target, { transport, user: 'stalled client' });
      client.pipe.sockets[0].pause();
      const socket = await target.socket(0);
      void writeContinuously((flushed) => void socket.write(BLOCK, flushed), socket);
      // Only the target notices the end, because the client does not read.
      return stall(client, target, endReceived(socket));
    });
  }

  /** Sessions whose targets never read. */
  static targets(gateway: SoakGateway, count: number): StalledSessions {
    return new StalledSessions(count, async (transport) => {
      const target = await testTarget((socket) => socket.pause());
      const client = await gateway.client(target, { transport, user: 'stalled target' });
      const { sockets, up } = client.pipe;
      const send = (flushed: () => void): void => {
        client.send(BLOCK);
        up.write('', flushed);
      };
      void writeContinuously(send, up);
      return stall(client, target, Promise.race(sockets.map(endReceived)));
    });
  }

  /** The number of open sessions. */
  get open(): number {
    if (this.#loops.failure) throw this.#loops.failure;
    return this.#open.size;
  }

  /** The number of sessions opened so far, including those that the gateway has ended. */
  get opened(): number {
    if (this.#loops.failure) throw this.#loops.failure;
    return this.#opened;
  }

  /** The durations, in seconds, of the sessions that the gateway has ended so far. */
  durations(transport: TransportKind): readonly number[] {
    return [...this.#durations[transport]];
  }

  /** The age of the oldest open session in seconds. */
  get longestOpen(): number {
    return (performance.now() - Math.min(performance.now(), ...this.#open.values())) / 1000;
  }

  /** Opens sessions one after the other, because concurrent handshakes would exceed the limit per address. */
  #serialize(open: () => Promise<Stall>): Promise<Stall> {
    const opening = this.#lastOpening.then(open);
    this.#lastOpening = opening.catch(() => undefined);
    return opening;
  }

  async stop(): Promise<FigureRow> {
    this.#stopping = true;
    for (const end of this.#open.keys()) end();
    await this.#loops.stop();
    const durations = Object.values(this.#durations).flat();
    const [shortest, longest] = [Math.min(...durations), Math.max(...durations)];
    return {
      'ended by the gateway': durations.length,
      ...(durations.length === 0 ? {} : { 'shortest s': round(shortest), 'longest s': round(longest) }),
    };
  }
}

interface Stall {
  readonly end: () => void;
  readonly ended: Promise<void>;
  readonly cleanUp: () => Promise<void>;
}

function stall(client: RawClient, target: TestTarget, ended: Promise<void>): Stall {
  const end = (): void => client.pipe.close();
  return {
    end,
    ended,
    cleanUp: async () => {
      end();
      await target.stop();
    },
  };
}

/**
 * Writes the next block when the kernel has accepted the previous one, until the buffers of a stalled peer are full.
 */
async function writeContinuously(write: (flushed: () => void) => void, socket: Socket): Promise<void> {
  while (socket.writable) await new Promise<void>((resolve) => write(resolve));
}

/**
 * Resolves when the peer has ended the connection. The close of this side may come much later: it still has bytes to
 * send, and if the peer's kernel dropped the last segment for lack of memory, the retransmission timer, which has grown
 * to minutes during the stall, must expire first.
 */
function endReceived(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.closed) return resolve();
    for (const event of ['end', 'close']) socket.once(event, () => resolve());
  });
}
