/** What the workers of one gateway share, with both ends of each message: the primary keeps the books, the workers ask. */
import type { ConnectionCount } from '../../gateway/admission/connection-count.js';
import type { TunnelQuota } from '../../gateway/admission/tunnel-quota.js';
import type { ChannelRegistry } from '../../gateway/cluster/forward.js';
import type { SharedRegistry } from '../../gateway/cluster/shared-registry.js';
import type { SharedState } from '../../gateway/cluster/shared-state.js';
import { busy } from '../../gateway/http/refusal.js';
import { OUT_CHANNEL_EXISTS } from '../../gateway/listener/pairing.js';
import type { Rpc } from './rpc.js';

const NO_ANSWER = 'the primary process does not answer';

/** A waiting OUT leg, as messages name it. */
interface Channel {
  readonly connectionId: string;
  readonly peer: string;
}

/** Answers one worker out of the books; `addressOf` tells where another one is reached. */
export function answerSharedState(
  rpc: Rpc,
  registry: SharedRegistry,
  worker: number,
  addressOf: (worker: number) => string | undefined,
): void {
  rpc.on('tunnel limit reached', () => registry.tunnelLimitReached());
  rpc.on('take tunnel', () => registry.takeTunnel(worker));
  rpc.on('release tunnel', () => registry.releaseTunnel(worker));
  rpc.on('add connection', ({ name, network }: { name: string; network: string }) => {
    const setting = registry.addConnection(worker, name, network);
    if (setting !== undefined) rpc.notify('reject connection', { name, setting });
  });
  rpc.on('authenticated', (name: string) => registry.authenticated(worker, name));
  rpc.on('remove connection', (name: string) => registry.removeConnection(worker, name));
  rpc.on('add channel', (leg: Channel) => registry.addChannel(worker, keyOf(leg)));
  rpc.on('remove channel', (leg: Channel) => registry.removeChannel(worker, keyOf(leg)));
  rpc.on('find channel', (leg: Channel) => {
    const owner = registry.findChannel(worker, keyOf(leg));
    return owner === undefined ? undefined : addressOf(owner);
  });
}

/** What is given to a worker and not asked for. */
export type SharedStateOptions = Pick<SharedState, 'ids' | 'forwarding' | 'ticketKeys'>;

/** The worker's end: what it may not decide alone is asked for, and denied where no answer comes. */
export function sharedStateOver(rpc: Rpc, given: SharedStateOptions): SharedState {
  return {
    tunnelQuota: new RemoteTunnelQuota(rpc),
    connectionCount: connectionCountOver(rpc),
    channelRegistry: channelRegistryOver(rpc),
    ...given,
  };
}

export class RemoteTunnelQuota implements TunnelQuota {
  readonly #rpc: Rpc;
  #closed: string | undefined;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async take(): Promise<string | undefined> {
    if (this.#closed !== undefined) return this.#closed;
    // A place that is granted too late goes back: nobody is there to use it.
    const late = (refused?: string): void => void (refused === undefined && this.release());
    const refused = await this.#call('take tunnel', late);
    if (refused !== undefined || this.#closed === undefined) return refused;
    this.release();
    return this.#closed;
  }

  async full(): Promise<string | undefined> {
    return this.#closed ?? (await this.#call('tunnel limit reached'));
  }

  release(): void {
    this.#rpc.notify('release tunnel');
  }

  /** The primary has its own word for how many there are. */
  adjust(): void {}

  close(reason: string): void {
    this.#closed = reason;
  }

  async #call(name: string, late?: (refused?: string) => void): Promise<string | undefined> {
    try {
      return await this.#rpc.call<string | undefined>(name, undefined, late === undefined ? {} : { late });
    } catch {
      return NO_ANSWER;
    }
  }
}

/**
 * Connections are let in at once and told of; the primary says when that was one too many, which takes one way there and back.
 * Until then there may be more of them than the limit: those that came meanwhile.
 */
function connectionCountOver(rpc: Rpc): ConnectionCount {
  const present = new Map<string, (setting: string) => void>();
  rpc.on('reject connection', ({ name, setting }: { name: string; setting: string }) => present.get(name)?.(setting));
  return {
    add(name, network, turnAway) {
      present.set(name, turnAway);
      rpc.notify('add connection', { name, network });
    },
    authenticated: (name) => rpc.notify('authenticated', name),
    remove(name) {
      present.delete(name);
      rpc.notify('remove connection', name);
    },
  };
}

function channelRegistryOver(rpc: Rpc): ChannelRegistry {
  return {
    async add(connectionId, peer) {
      const late = (added: boolean): void => void (added && this.remove(connectionId, peer));
      try {
        return (await rpc.call<boolean>('add channel', { connectionId, peer }, { late }))
          ? undefined
          : OUT_CHANNEL_EXISTS;
      } catch {
        return busy(NO_ANSWER);
      }
    },
    remove: (connectionId, peer) => rpc.notify('remove channel', { connectionId, peer }),
    find: (connectionId, peer) =>
      rpc.call<string | undefined>('find channel', { connectionId, peer }).catch(() => undefined),
  };
}

function keyOf({ connectionId, peer }: Channel): string {
  return `${connectionId} ${peer}`;
}
