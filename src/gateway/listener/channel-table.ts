/** OUT channels by connection id and client address, in one process or over all of them. */
import type { Config } from '../../config/schema.js';
import { KeyCounts } from '../admission/key-counts.js';

/** Identifies an OUT channel for its IN channel. */
export type ChannelKey = string;

/**
 * The connection id with the client's address, because proxies and others may see the id; or the id alone, for clients that
 * leave by several addresses. INVARIANT: every key is made here, so that all processes compare the same text. A
 * connection id contains no space.
 */
export function channelKey(connectionId: string, peer: string, pairBy: Config['transports']['pairBy']): ChannelKey {
  return `${connectionId} ${pairBy === 'id' ? '' : peer}`;
}

/** It needs no limit of its own: every OUT channel is a connection, and connections are limited. */
export class ChannelTable<Value> {
  readonly #values = new Map<ChannelKey, Value>();
  /** How many keys have an id. */
  readonly #ids = new KeyCounts();

  /** Returns false when the key is in use: the new channel is refused, and the existing one stays. */
  add(key: ChannelKey, value: Value): boolean {
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    this.#ids.add(idOf(key));
    return true;
  }

  get(key: ChannelKey): Value | undefined {
    return this.#values.get(key);
  }

  /** Whether there is no channel with this key, but one with its connection id. */
  isElsewhere(key: ChannelKey): boolean {
    return !this.#values.has(key) && this.#ids.get(idOf(key)) > 0;
  }

  /** Removes `value` and returns whether it was there. Another value with the same key stays. */
  remove(key: ChannelKey, value: Value): boolean {
    if (this.#values.get(key) !== value || !this.#values.delete(key)) return false;
    this.#ids.remove(idOf(key));
    return true;
  }
}

function idOf(key: ChannelKey): string {
  return key.slice(0, key.indexOf(' '));
}
