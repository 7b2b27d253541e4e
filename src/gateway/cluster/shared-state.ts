/** What the processes that serve one gateway have in common. */
import type { ConnectionCount } from '../admission/connection-count.js';
import type { TunnelQuota } from '../admission/tunnel-quota.js';
import type { IdShare } from '../tunnel/ids.js';
import type { ChannelRegistry, ForwardingOptions } from './forward.js';

export interface SharedState {
  readonly tunnelQuota: TunnelQuota;
  readonly connectionCount: ConnectionCount;
  readonly channelRegistry: ChannelRegistry;
  readonly ids: IdShare;
  /** A client that comes back may land in another process: TLS sessions are resumed in all of them. */
  readonly ticketKeys: Uint8Array;
  readonly forwarding: Pick<ForwardingOptions, 'address' | 'secret'>;
}
