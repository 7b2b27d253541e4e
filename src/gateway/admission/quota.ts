/** So many places, and so many of them for one network: the one way in which anything is rationed among clients. */
export class Quota {
  readonly #name: string;
  #most: number;
  #mostPerNetwork: number;
  readonly #taken = new Map<string, number>();
  #size = 0;

  /** `name` is the setting that says how many there are; its share for one address has `PerAddress` behind it. */
  constructor(name: string, most: number, mostPerNetwork: number) {
    this.#name = name;
    this.#most = most;
    this.#mostPerNetwork = mostPerNetwork;
  }

  /** Holds from the next place on; whoever has one keeps it. */
  adjust(most: number, mostPerNetwork: number): void {
    this.#most = most;
    this.#mostPerNetwork = mostPerNetwork;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a place, which `leave` gives back. Where there is none, the setting that says so. */
  take(network: string): string | undefined {
    if (this.#size >= this.#most) return this.#name;
    const taken = this.#taken.get(network) ?? 0;
    if (taken >= this.#mostPerNetwork) return `${this.#name}PerAddress`;
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

/** An IPv4 address; of IPv6 the /64, which is what one subscriber has (RFC 6177). */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped?.[1] !== undefined || !address.includes(':')) return mapped?.[1] ?? address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array(Math.max(0, zeros)).fill('0'), ...back].slice(0, 4).join(':');
}
