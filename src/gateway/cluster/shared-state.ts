/** What the processes that serve one gateway have in common. */
import type { Census } from '../admission/connection-count.js';
import type { TunnelPlaces } from '../admission/tunnel-quota.js';
import type { IdShare } from '../tunnel/ids.js';
import type { CrossingOptions, Registry } from './forward.js';

export interface Commons {
  readonly places: TunnelPlaces;
  readonly census: Census;
  readonly registry: Registry;
  readonly ids: IdShare;
  /** A client that comes back may land in another process: TLS sessions are resumed in all of them. */
  readonly ticketKeys: Uint8Array;
  readonly crossing: Pick<CrossingOptions, 'address' | 'secret'>;
}
