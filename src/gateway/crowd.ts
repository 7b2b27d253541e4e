/** How many there are, in all and from one network. */
export class Crowd {
  readonly #most: number;
  readonly #mostPerNetwork: number;
  readonly #counts = new Map<string, number>();
  #size = 0;

  constructor(most: number, mostPerNetwork: number) {
    this.#most = most;
    this.#mostPerNetwork = mostPerNetwork;
  }

  /** Counts one more; where there is no room, the setting that says so. */
  enter(network: string): string | undefined {
    if (this.#size >= this.#most) return 'limits.handshakes';
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#mostPerNetwork) return 'limits.handshakesPerAddress';
    this.#counts.set(network, count + 1);
    this.#size++;
    return undefined;
  }

  /** One who was let in is gone, or a stranger no more. */
  leave(network: string): void {
    const count = (this.#counts.get(network) ?? 0) - 1;
    if (count > 0) this.#counts.set(network, count);
    else this.#counts.delete(network);
    this.#size--;
  }
}
