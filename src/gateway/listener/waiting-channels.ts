/**
 * Which RDG_OUT_DATA waits for its RDG_IN_DATA. Keyed by connection id and peer address: the id alone is a name that others
 * may learn. One IN per OUT, the first wins, and an entry is gone as soon as either leg is.
 */
export class WaitingChannels<Out> {
  readonly #waiting = new Map<string, { readonly out: Out; claimed: boolean }>();

  /** Remembers an OUT leg; false when its id is live already: the newcomer is refused, never the one who was there. */
  add(connectionId: string, peer: string, out: Out): boolean {
    const key = keyOf(connectionId, peer);
    if (this.#waiting.has(key)) return false;
    this.#waiting.set(key, { out, claimed: false });
    return true;
  }

  /** The OUT leg for an IN leg, once; undefined when none waits or another IN leg was first. */
  claim(connectionId: string, peer: string): Out | undefined {
    const entry = this.#waiting.get(keyOf(connectionId, peer));
    if (!entry || entry.claimed) return undefined;
    entry.claimed = true;
    return entry.out;
  }

  /** Either leg died. Only the OUT leg that was added removes its entry, once: true when that was now. */
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
