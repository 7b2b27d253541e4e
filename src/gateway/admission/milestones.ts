/** What a connection has reached on its way to an identity. */

/**
 * The milestones in their order, each with the time until the next one that an honest client may need, in milliseconds.
 * Beyond it the connection is overdue: the first to be ended for a new one when no slot is free. Bytes are no milestone,
 * because a client that sends one byte a second would never be overdue. The times are for round trips of 300 ms, as
 * between continents.
 */
const ALLOWANCE_MS = {
  /** Accepted. The ClientHello follows the handshake of TCP at once. */
  accepted: 500,
  /** The whole ClientHello is here. From now on it waits for the gateway, which starts `handshakeRate` a second. */
  hello: 5_000,
  /** The gateway has started the TLS handshake: two round trips in TLS 1.2, and a lost packet. */
  handshake: 2_000,
  /** TLS is complete. The request follows at once. */
  tls: 1_000,
  /** The first request head is complete. The transport follows, or nothing: an idle connection of ordinary HTTP. */
  request: 1_000,
  /** The transport is open, or one channel of it: an OUT channel waits for TCP, TLS and two requests of its IN channel. */
  transport: 5_000,
  /** The token is here. The authenticator may take `timeouts.decision`. */
  token: 10_000,
} as const;

export type Milestone = keyof typeof ALLOWANCE_MS;

const ORDER = Object.keys(ALLOWANCE_MS) as readonly Milestone[];
const ALLOWANCES: readonly number[] = Object.values(ALLOWANCE_MS);

/** The number of milestones. */
export const MILESTONES = ORDER.length;

/** The rank of a milestone: 0 for `accepted`, more for later ones. */
export function rankOf(milestone: Milestone): number {
  return ORDER.indexOf(milestone);
}

/** The time after the milestone of this rank at which a connection is overdue, in milliseconds. */
export function allowanceOf(rank: number): number {
  return ALLOWANCES[rank] ?? 0;
}
