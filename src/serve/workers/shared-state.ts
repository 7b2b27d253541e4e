/** Both ends of the RPC that shares state between workers. The primary holds the registry, the workers call it. */
import type { ConnectionCount } from '../../gateway/admission/connection-count.js';
import type { TunnelQuota } from '../../gateway/admission/tunnel-quota.js';
import type { UserQuota } from '../../gateway/admission/user-quota.js';
import type { ChannelRegistry } from '../../gateway/cluster/forward.js';
import type { SharedRegistry } from '../../gateway/cluster/shared-registry.js';
import type { SharedState } from '../../gateway/cluster/shared-state.js';
import { busy } from '../../gateway/http/refusal.js';
import { OUT_CHANNEL_EXISTS } from '../../gateway/listener/pairing.js';
import type { CallOptions, Rpc } from './rpc.js';

const NO_ANSWER = 'the primary process does not answer';

/** Identifies an OUT channel that waits for its IN channel. */
interface Channel {
  readonly connectionId: string;
  readonly peer: string;
}

/** The primary's end: answers one worker. `addressOf` returns the local socket address of another worker. */
export function answerSharedState(
  rpc: Rpc,
  registry: SharedRegistry,
  worker: number,
  addressOf: (worker: number) => string | undefined,
): void {
  rpc.on('tunnel limit reached', () => registry.tunnelLimitReached());
  rpc.on('take tunnel', () => registry.takeTunnel(worker));
  rpc.on('release tunnel', () => registry.releaseTunnel(worker));
  rpc.on('take user tunnel', (user: string) => registry.takeUserTunnel(worker, user));
  rpc.on('release user tunnel', (user: string) => registry.releaseUserTunnel(worker, user));
  rpc.on('add connection', ({ name, network }: { name: string; network: string }) => {
    const setting = registry.addConnection(worker, name, network);
    if (setting !== undefined) rpc.notify('reject connection', { name, setting });
  });
  rpc.on('authenticated', (name: string) => registry.authenticated(worker, name));
  rpc.on('remove connection', (name: string) => registry.removeConnection(worker, name));
  rpc.on('add channel', (channel: Channel) => registry.addChannel(worker, keyOf(channel)));
  rpc.on('remove channel', (channel: Channel) => registry.removeChannel(worker, keyOf(channel)));
  rpc.on('find channel', (channel: Channel) => {
    const owner = registry.findChannel(worker, keyOf(channel));
    return owner === undefined ? undefined : addressOf(owner);
  });
}

/** The part of the shared state that a worker gets once, at its start. */
export type SharedStateOptions = Pick<SharedState, 'ids' | 'forwarding' | 'ticketKeys'>;

/** The worker's end: the primary decides what a worker may not decide alone. Without an answer it is denied. */
export function sharedStateOver(rpc: Rpc, options: SharedStateOptions): SharedState {
  return {
    tunnelQuota: new RemoteTunnelQuota(rpc),
    userQuota: userQuotaOver(rpc),
    connectionCount: connectionCountOver(rpc),
    channelRegistry: channelRegistryOver(rpc),
    ...options,
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
    // A slot that was granted after the timeout has no user: it is released.
    const onLateAnswer = (refused?: string): void => void (refused === undefined && this.release());
    const refused = await this.#call('take tunnel', { onLateAnswer });
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

  /** Does nothing: the primary holds the limit. */
  adjust(): void {}

  close(reason: string): void {
    this.#closed = reason;
  }

  async #call(name: string, options: CallOptions = {}): Promise<string | undefined> {
    try {
      return await this.#rpc.call<string | undefined>(name, undefined, options);
    } catch {
      return NO_ANSWER;
    }
  }
}

export function userQuotaOver(rpc: Rpc): UserQuota {
  const release = (user: string): void => rpc.notify('release user tunnel', user);
  return {
    async take(user) {
      // A slot that was granted after the timeout has no tunnel: it is released.
      const onLateAnswer = (refused?: string): void => void (refused === undefined && release(user));
      try {
        return await rpc.call<string | undefined>('take user tunnel', user, { onLateAnswer });
      } catch {
        return NO_ANSWER;
      }
    },
    release,
    // The primary holds the limit.
    adjust: () => undefined,
  };
}

/**
 * A worker accepts a connection at once and notifies the primary, which notifies back if the connection exceeds a
 * limit. For the time of this round trip there may be more connections than the limit.
 */
function connectionCountOver(rpc: Rpc): ConnectionCount {
  const connections = new Map<string, (setting: string) => void>();
  rpc.on('reject connection', ({ name, setting }: { name: string; setting: string }) =>
    connections.get(name)?.(setting),
  );
  return {
    add(name, network, reject) {
      connections.set(name, reject);
      rpc.notify('add connection', { name, network });
    },
    authenticated: (name) => rpc.notify('authenticated', name),
    remove(name) {
      connections.delete(name);
      rpc.notify('remove connection', name);
    },
  };
}

function channelRegistryOver(rpc: Rpc): ChannelRegistry {
  return {
    async add(connectionId, peer) {
      const onLateAnswer = (added: boolean): void => void (added && this.remove(connectionId, peer));
      try {
        return (await rpc.call<boolean>('add channel', { connectionId, peer }, { onLateAnswer }))
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
