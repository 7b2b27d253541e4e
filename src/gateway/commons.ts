/** What the processes that serve one gateway have in common. */
import type { CrossingOptions, Registry } from './crossing.js';
import type { IdShare } from './ids.js';
import type { Places } from './places.js';
import type { Census } from './strangers.js';

export interface Commons {
  readonly places: Places;
  readonly census: Census;
  readonly registry: Registry;
  readonly ids: IdShare;
  readonly crossing: Pick<CrossingOptions, 'address' | 'secret'>;
}
