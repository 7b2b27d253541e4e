/** A limited number of slots, with a share for each network. Every limit on clients uses it. */
export class Quota {
  readonly #name: string;
  #limit: number;
  #limitPerNetwork: number;
  readonly #taken = new Map<string, number>();
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

  get size(): number {
    return this.#size;
  }

  /**
   * Takes a slot, to be returned with `release`. Returns the name of the setting whose limit is reached, or undefined.
   */
  take(network: string): string | undefined {
    if (this.#size >= this.#limit) return this.#name;
    const taken = this.#taken.get(network) ?? 0;
    if (taken >= this.#limitPerNetwork) return `${this.#name}PerAddress`;
    this.#taken.set(network, taken + 1);
    this.#size++;
    return undefined;
  }

  release(network: string): void {
    const taken = this.#taken.get(network);
    if (taken === undefined) return;
    this.#size--;
    if (taken > 1) this.#taken.set(network, taken - 1);
    else this.#taken.delete(network);
  }
}

/**
 * The unit that counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has (RFC
 * 6177).
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped?.[1] !== undefined || !address.includes(':')) return mapped?.[1] ?? address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array(Math.max(0, zeros)).fill('0'), ...back].slice(0, 4).join(':');
}
