/** What the workers of one gateway share, with both ends of each message: the primary keeps the books, the workers ask. */
import type { Census } from '../../gateway/admission/connection-count.js';
import type { TunnelPlaces } from '../../gateway/admission/tunnel-quota.js';
import type { Registry } from '../../gateway/cluster/forward.js';
import type { Ledger } from '../../gateway/cluster/shared-registry.js';
import type { Commons } from '../../gateway/cluster/shared-state.js';
import { busy } from '../../gateway/http/refusal.js';
import { IS_LIVE } from '../../gateway/listener/pairing.js';
import type { Wire } from './rpc.js';

const NO_ANSWER = 'the primary process does not answer';

/** A waiting OUT leg, as messages name it. */
interface Leg {
  readonly connectionId: string;
  readonly peer: string;
}

/** Answers one worker out of the books; `addressOf` tells where another one is reached. */
export function keepBooks(
  wire: Wire,
  ledger: Ledger,
  worker: number,
  addressOf: (worker: number) => string | undefined,
): void {
  wire.on('full', () => ledger.full());
  wire.on('take', () => ledger.take(worker));
  wire.on('give back', () => ledger.giveBack(worker));
  wire.on('enter', ({ name, network }: { name: string; network: string }) => {
    const setting = ledger.enter(worker, name, network);
    if (setting !== undefined) wire.tell('turn away', { name, setting });
  });
  wire.on('known', (name: string) => ledger.known(worker, name));
  wire.on('leave', (name: string) => ledger.leave(worker, name));
  wire.on('add', (leg: Leg) => ledger.add(worker, keyOf(leg)));
  wire.on('remove', (leg: Leg) => ledger.remove(worker, keyOf(leg)));
  wire.on('find', (leg: Leg) => {
    const owner = ledger.find(worker, keyOf(leg));
    return owner === undefined ? undefined : addressOf(owner);
  });
}

/** What is given to a worker and not asked for. */
export type CommonsOptions = Pick<Commons, 'ids' | 'crossing' | 'ticketKeys'>;

/** The worker's end: what it may not decide alone is asked for, and denied where no answer comes. */
export function commonsOver(wire: Wire, given: CommonsOptions): Commons {
  return { places: new RemotePlaces(wire), census: censusOver(wire), registry: registryOver(wire), ...given };
}

export class RemotePlaces implements TunnelPlaces {
  readonly #wire: Wire;
  #closed: string | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  async take(): Promise<string | undefined> {
    if (this.#closed !== undefined) return this.#closed;
    // A place that is granted too late goes back: nobody is there to use it.
    const late = (refused?: string): void => void (refused === undefined && this.giveBack());
    const refused = await this.#ask('take', late);
    if (refused !== undefined || this.#closed === undefined) return refused;
    this.giveBack();
    return this.#closed;
  }

  async full(): Promise<string | undefined> {
    return this.#closed ?? (await this.#ask('full'));
  }

  giveBack(): void {
    this.#wire.tell('give back');
  }

  /** The primary has its own word for how many there are. */
  adjust(): void {}

  close(reason: string): void {
    this.#closed = reason;
  }

  async #ask(name: string, late?: (refused?: string) => void): Promise<string | undefined> {
    try {
      return await this.#wire.ask<string | undefined>(name, undefined, late === undefined ? {} : { late });
    } catch {
      return NO_ANSWER;
    }
  }
}

/**
 * Connections are let in at once and told of; the primary says when that was one too many, which takes one way there and back.
 * Until then there may be more of them than the limit: those that came meanwhile.
 */
function censusOver(wire: Wire): Census {
  const present = new Map<string, (setting: string) => void>();
  wire.on('turn away', ({ name, setting }: { name: string; setting: string }) => present.get(name)?.(setting));
  return {
    enter(name, network, turnAway) {
      present.set(name, turnAway);
      wire.tell('enter', { name, network });
    },
    known: (name) => wire.tell('known', name),
    leave(name) {
      present.delete(name);
      wire.tell('leave', name);
    },
  };
}

function registryOver(wire: Wire): Registry {
  return {
    async add(connectionId, peer) {
      const late = (added: boolean): void => void (added && this.remove(connectionId, peer));
      try {
        return (await wire.ask<boolean>('add', { connectionId, peer }, { late })) ? undefined : IS_LIVE;
      } catch {
        return busy(NO_ANSWER);
      }
    },
    remove: (connectionId, peer) => wire.tell('remove', { connectionId, peer }),
    find: (connectionId, peer) => wire.ask<string | undefined>('find', { connectionId, peer }).catch(() => undefined),
  };
}

function keyOf({ connectionId, peer }: Leg): string {
  return `${connectionId} ${peer}`;
}
