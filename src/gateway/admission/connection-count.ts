/** The count of connections over all processes of one gateway. A gateway with one process has none. */
import type { Milestone } from './milestones.js';

export interface ConnectionCount {
  /** Counts a new, unauthenticated connection. An `address` of undefined is a trusted proxy. */
  add(name: string, address: string | undefined, decisions: ConnectionDecisions): void;
  /** The connection speaks for the client at `address` from now on; undefined: for nobody. */
  identify(name: string, address: string | undefined): void;
  progressed(name: string, milestone: Milestone): void;
  /** The user of the connection is authenticated. */
  authenticated(name: string): void;
  remove(name: string): void;
}

/** What the count decides about a connection later. `setting` is the limit that is reached over all processes. */
export interface ConnectionDecisions {
  /** It exceeds the limit, and none could be ended for it. */
  readonly reject: (setting: string) => void;
  /** It was the one to end for a new one, unless its user is authenticated by now. */
  readonly end: (setting: string) => void;
}
