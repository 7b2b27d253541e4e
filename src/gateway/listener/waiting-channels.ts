/**
 * The OUT channels of this process, by connection id and client address: other clients may learn the id alone. Each OUT
 * channel takes one IN channel, the first one. An entry is removed as soon as either channel ends.
 */
export class WaitingChannels<Out> {
  readonly #waiting = new Map<string, { readonly out: Out; claimed: boolean }>();

  /**
   * Adds an OUT channel. Returns false when its id is in use: the new channel is refused, and the existing one stays.
   */
  add(connectionId: string, peer: string, out: Out): boolean {
    const key = keyOf(connectionId, peer);
    if (this.#waiting.has(key)) return false;
    this.#waiting.set(key, { out, claimed: false });
    return true;
  }

  /** Returns the OUT channel for an IN channel; undefined when there is none or another IN channel has claimed it. */
  claim(connectionId: string, peer: string): Out | undefined {
    const entry = this.#waiting.get(keyOf(connectionId, peer));
    if (!entry || entry.claimed) return undefined;
    entry.claimed = true;
    return entry.out;
  }

  /**
   * Removes the entry of `out` and returns whether there was one. The entry of another OUT channel with the same key
   * stays.
   */
  remove(connectionId: string, peer: string, out: Out): boolean {
    const key = keyOf(connectionId, peer);
    return this.#waiting.get(key)?.out === out && this.#waiting.delete(key);
  }

  get size(): number {
    return this.#waiting.size;
  }
}

function keyOf(connectionId: string, peer: string): string {
  return `${connectionId} ${peer}`;
}
