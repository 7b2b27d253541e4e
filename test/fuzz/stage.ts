import type { Feed } from './cost.js';
import type { Random } from './mutate.js';

/** A fuzz target: code that processes hostile bytes. Every error that it throws is a finding. */
export interface Stage {
  readonly name: string;
  /** Valid inputs to start from. */
  seeds(): Promise<readonly Buffer[]>;
  /** Structure-aware mutation, used for half of the inputs. Mutating bytes would rarely keep the structure intact. */
  mutate?(input: Buffer, random: Random): Buffer;
  /**
   * Processes an input and returns the kinds of events that it caused. An input that causes a new kind is mutated
   * further. Throws on a finding.
   */
  run(input: Buffer): Promise<readonly string[]> | readonly string[];
  /**
   * Returns a new parser for an input in pieces, as the gateway uses it and without checks, so that its CPU time can be
   * limited. Only for what a client sends before it is authenticated.
   */
  readonly parser?: () => Feed;
}
