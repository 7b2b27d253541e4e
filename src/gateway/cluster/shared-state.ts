/** The state that the worker processes of one gateway share. */
import type { ConnectionCount } from '../admission/connection-count.js';
import type { TunnelQuota } from '../admission/tunnel-quota.js';
import type { UserQuota } from '../admission/user-quota.js';
import type { IdShare } from '../tunnel/ids.js';
import type { ChannelRegistry, ForwardingOptions } from './forward.js';

export interface SharedState {
  readonly tunnelQuota: TunnelQuota;
  readonly userQuota: UserQuota;
  readonly connectionCount: ConnectionCount;
  readonly channelRegistry: ChannelRegistry;
  readonly ids: IdShare;
  /** Keys of the TLS session tickets, the same in all processes: a client may resume its TLS session in another one. */
  readonly ticketKeys: Uint8Array;
  readonly forwarding: Pick<ForwardingOptions, 'address' | 'secret'>;
}
