import { KeyCounts } from './key-counts.js';

/** A limited number of slots, with a share for each network. What belongs to no network counts in total only. */
export class Quota {
  readonly #name: string;
  #limit: number;
  #limitPerNetwork: number;
  readonly #taken = new KeyCounts();
  #size = 0;

  /**
   * `name` is the setting of the limit; the setting of the share for one address is `name` with the suffix
   * `PerAddress`.
   */
  constructor(name: string, limit: number, limitPerNetwork: number) {
    this.#name = name;
    this.#limit = limit;
    this.#limitPerNetwork = limitPerNetwork;
  }

  /** Applies to the next `take`; slots that are taken stay. */
  adjust(limit: number, limitPerNetwork: number): void {
    this.#limit = limit;
    this.#limitPerNetwork = limitPerNetwork;
  }

  /**
   * Takes a slot, to be returned with `release`. Returns the name of the setting whose limit is reached, or undefined.
   */
  take(network: string | undefined): string | undefined {
    const reached = this.shareReached(network) ?? this.reached();
    if (reached === undefined) this.add(network);
    return reached;
  }

  /** The name of the setting if no slot is free. */
  reached(): string | undefined {
    return this.#size >= this.#limit ? this.#name : undefined;
  }

  /** The name of the setting if the network has used up its share. */
  shareReached(network: string | undefined): string | undefined {
    if (network === undefined) return undefined;
    return this.#taken.get(network) >= this.#limitPerNetwork ? `${this.#name}PerAddress` : undefined;
  }

  /** Takes a slot beyond all limits. */
  add(network: string | undefined): void {
    this.#size++;
    if (network !== undefined) this.#taken.add(network);
  }

  /** Moves a slot from one network to another, beyond the limit of either. */
  move(from: string | undefined, to: string | undefined): void {
    this.release(from);
    this.add(to);
  }

  release(network: string | undefined): void {
    if (network !== undefined && !this.#taken.remove(network)) return;
    this.#size--;
  }
}
