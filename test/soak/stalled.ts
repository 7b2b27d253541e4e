/** Readers that never read, while the other side sends as fast as it can. There are always as many of them. */

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type RawClient, TRANSPORTS, type TransportKind } from '../support/client.js';
import { type TestTarget, testTarget } from '../support/target.js';
import { type Facts, round } from './figures.js';
import type { SoakGateway } from './gateway.js';
import { Lanes, type Traffic } from './traffic.js';

const BLOCK = randomBytes(64 * 1024);

export class Stalled implements Traffic {
  /** When each that is open began to stall. */
  readonly #open = new Map<() => void, number>();
  readonly #lanes: Lanes;
  readonly #lifetimes: Record<TransportKind, number[]> = { websocket: [], http: [] };
  #opened = 0;
  #stopping = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(count: number, open: (transport: TransportKind) => Promise<Stall>) {
    this.#lanes = new Lanes(count, async (lane) => {
      const transport = TRANSPORTS[lane % TRANSPORTS.length] ?? 'websocket';
      const { end, ended, tidy } = await this.#inTurn(() => open(transport));
      const start = performance.now();
      this.#open.set(end, start);
      this.#opened++;
      if (this.#stopping) end();
      await ended;
      this.#open.delete(end);
      if (!this.#stopping) this.#lifetimes[transport].push((performance.now() - start) / 1000);
      await tidy();
    });
  }

  /** Clients that read nothing of what their target sends. */
  static clients(gateway: SoakGateway, count: number): Stalled {
    return new Stalled(count, async (transport) => {
      const target = await testTarget();
      const client = await gateway.client(target, { transport, user: 'stalled client' });
      client.pipe.sockets[0].pause();
      const socket = await target.socket(0);
      void pour((flushed) => void socket.write(BLOCK, flushed), socket);
      // The target alone notices an end: whoever does not read sees none.
      return stall(client, target, heardEnd(socket));
    });
  }

  /** Targets that read nothing of what their client sends. */
  static targets(gateway: SoakGateway, count: number): Stalled {
    return new Stalled(count, async (transport) => {
      const target = await testTarget((socket) => socket.pause());
      const client = await gateway.client(target, { transport, user: 'stalled target' });
      const { sockets, up } = client.pipe;
      const send = (flushed: () => void): void => {
        client.send(BLOCK);
        up.write('', flushed);
      };
      void pour(send, up);
      return stall(client, target, Promise.race(sockets.map(heardEnd)));
    });
  }

  /** Those that are open at this moment. */
  get open(): number {
    if (this.#lanes.failure) throw this.#lanes.failure;
    return this.#open.size;
  }

  /** All that were opened so far, those included that the gateway has ended since. */
  get opened(): number {
    if (this.#lanes.failure) throw this.#lanes.failure;
    return this.#opened;
  }

  /** Seconds that those lived which the gateway has ended so far. */
  lifetimes(transport: TransportKind): readonly number[] {
    return [...this.#lifetimes[transport]];
  }

  /** Seconds that the oldest of those lives which are open at this moment. */
  get oldest(): number {
    return (performance.now() - Math.min(performance.now(), ...this.#open.values())) / 1000;
  }

  /** One handshake after the other: all at once they would be more strangers than one address may bring. */
  #inTurn(open: () => Promise<Stall>): Promise<Stall> {
    const mine = this.#turn.then(open);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async stop(): Promise<Facts> {
    this.#stopping = true;
    for (const end of this.#open.keys()) end();
    await this.#lanes.stop();
    const lifetimes = Object.values(this.#lifetimes).flat();
    const [shortest, longest] = [Math.min(...lifetimes), Math.max(...lifetimes)];
    return {
      'ended by the gateway': lifetimes.length,
      ...(lifetimes.length === 0 ? {} : { 'shortest s': round(shortest), 'longest s': round(longest) }),
    };
  }
}

interface Stall {
  readonly end: () => void;
  readonly ended: Promise<void>;
  readonly tidy: () => Promise<void>;
}

function stall(client: RawClient, target: TestTarget, ended: Promise<void>): Stall {
  const end = (): void => client.pipe.close();
  return {
    end,
    ended,
    tidy: async () => {
      end();
      await target.stop();
    },
  };
}

/** Writes block after block, each when the one before has left for the kernel: soon none does. */
async function pour(write: (flushed: () => void) => void, socket: Socket): Promise<void> {
  while (socket.writable) await new Promise<void>((resolve) => write(resolve));
}

/**
 * The other side has ended the connection. That this side has closed it as well says less: it still has bytes to send, and where the
 * kernel opposite had no room for the last of them, it sends them again when its timer is up, which has grown to minutes in the stall.
 */
function heardEnd(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.closed) return resolve();
    for (const event of ['end', 'close']) socket.once(event, () => resolve());
  });
}
