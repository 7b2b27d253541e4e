/** Both ends of the RPC that shares state between workers. The primary holds the registry, the workers call it. */
import type { ConnectionCount, ConnectionDecisions } from '../../gateway/admission/connection-count.js';
import type { Milestone } from '../../gateway/admission/milestones.js';
import type { TunnelQuota } from '../../gateway/admission/tunnel-quota.js';
import type { UserQuota } from '../../gateway/admission/user-quota.js';
import type { ChannelPlace, ChannelRegistry } from '../../gateway/cluster/forward.js';
import type { SharedRegistry } from '../../gateway/cluster/shared-registry.js';
import type { SharedState } from '../../gateway/cluster/shared-state.js';
import { busy } from '../../gateway/http/refusal.js';
import type { ChannelKey } from '../../gateway/listener/channel-table.js';
import { OUT_CHANNEL_EXISTS } from '../../gateway/listener/pairing.js';
import type { CallOptions, Rpc } from './rpc.js';

const NO_ANSWER = 'the primary process does not answer';

/** The client that a connection speaks for. */
interface ClientOf {
  readonly name: string;
  readonly address?: string;
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
  registry.addWorker(worker, (name, setting) => rpc.notify('end connection', { name, setting }));
  const rejectUnless = (name: string, setting: string | undefined): void => {
    if (setting !== undefined) rpc.notify('reject connection', { name, setting });
  };
  rpc.on('add connection', ({ name, address }: ClientOf) =>
    rejectUnless(name, registry.addConnection(worker, name, address)),
  );
  rpc.on('identify', ({ name, address }: ClientOf) => rejectUnless(name, registry.identify(worker, name, address)));
  rpc.on('progressed', ({ name, milestone }: { name: string; milestone: Milestone }) =>
    registry.progressed(worker, name, milestone),
  );
  rpc.on('authenticated', (name: string) => registry.authenticated(worker, name));
  rpc.on('remove connection', (name: string) => registry.removeConnection(worker, name));
  rpc.on('add channel', (key: ChannelKey) => registry.addChannel(worker, key));
  rpc.on('remove channel', (key: ChannelKey) => registry.removeChannel(worker, key));
  rpc.on('find channel', (key: ChannelKey): ChannelPlace => {
    const owner = registry.findChannel(worker, key);
    if (typeof owner === 'string') return owner;
    const address = addressOf(owner);
    return address === undefined ? 'absent' : { address };
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

/** A decision of the primary. */
interface Decided {
  readonly name: string;
  readonly setting: string;
}

/**
 * A worker accepts a connection at once and notifies the primary, which notifies back if a limit is reached: to reject
 * this connection, or to end another one of this or another worker. For the time of this round trip there may be more
 * connections than the limit.
 */
function connectionCountOver(rpc: Rpc): ConnectionCount {
  const connections = new Map<string, ConnectionDecisions>();
  rpc.on('reject connection', ({ name, setting }: Decided) => connections.get(name)?.reject(setting));
  rpc.on('end connection', ({ name, setting }: Decided) => connections.get(name)?.end(setting));
  return {
    add(name, address, decisions) {
      connections.set(name, decisions);
      rpc.notify('add connection', { name, address });
    },
    identify: (name, address) => rpc.notify('identify', { name, address }),
    progressed: (name, milestone) => rpc.notify('progressed', { name, milestone }),
    authenticated: (name) => rpc.notify('authenticated', name),
    remove(name) {
      connections.delete(name);
      rpc.notify('remove connection', name);
    },
  };
}

function channelRegistryOver(rpc: Rpc): ChannelRegistry {
  return {
    async add(key) {
      const onLateAnswer = (added: boolean): void => void (added && this.remove(key));
      try {
        return (await rpc.call<boolean>('add channel', key, { onLateAnswer })) ? undefined : OUT_CHANNEL_EXISTS;
      } catch {
        return busy(NO_ANSWER);
      }
    },
    remove: (key) => rpc.notify('remove channel', key),
    find: (key) => rpc.call<ChannelPlace>('find channel', key).catch((): ChannelPlace => 'absent'),
  };
}
