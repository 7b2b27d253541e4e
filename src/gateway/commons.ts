/** What the processes that serve one gateway have in common. */
import type { Census } from './census.js';
import type { CrossingOptions, Registry } from './crossing.js';
import type { IdShare } from './ids.js';
import type { TunnelPlaces } from './tunnel-places.js';

export interface Commons {
  readonly places: TunnelPlaces;
  readonly census: Census;
  readonly registry: Registry;
  readonly ids: IdShare;
  /** A client that comes back may land in another process: TLS sessions are resumed in all of them. */
  readonly ticketKeys: Uint8Array;
  readonly crossing: Pick<CrossingOptions, 'address' | 'secret'>;
}
