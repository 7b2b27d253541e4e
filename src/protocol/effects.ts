/** What goes into and comes out of a gateway session: plain data, so that a whole connection is a table in a test. */

/** Why a session ended, for the log; `refused` sessions carry their result code in the effect. */
export type EndCause =
  | 'refused'
  | 'protocol error'
  | 'limit reached'
  /** The client did not say who it is in time. */
  | 'identity timeout'
  | 'set-up timeout'
  | 'session time over'
  | 'target closed'
  | 'target reset'
  /** The target took nothing of what it was sent for too long. */
  | 'target stalled'
  | 'closed by the gateway';

/** How a target's connection came to its end: FIN, RST, or cut by the driver because the target took nothing any more. */
export type TargetEnd = 'end' | 'reset' | 'stall';
export const TARGET_CAUSE = {
  end: 'target closed',
  reset: 'target reset',
  stall: 'target stalled',
} as const satisfies Record<TargetEnd, EndCause>;

/** What the driver has to do, in order. */
export type Effect =
  | { readonly do: 'send'; readonly pdu: Buffer }
  /** Decide on this token, then call `answer`. Nothing further is read until then. */
  | { readonly do: 'authenticate'; readonly token: string }
  /** Open the first of these targets that is allowed and answers, then call `connected` or `failed`. */
  | { readonly do: 'connect'; readonly names: readonly string[]; readonly port: number }
  /** Bytes for the target: a view that is valid until the driver lets go of it. */
  | { readonly do: 'deliver'; readonly bytes: Buffer }
  /** The client closed the channel: end the target's connection after what was delivered. */
  | { readonly do: 'disconnect' }
  /** Call `tick` at this time; replaces the time named before, `undefined` clears it. */
  | { readonly do: 'timer'; readonly at: number | undefined }
  /** Flush what was sent, then end transport and target. Nothing follows. */
  | { readonly do: 'end'; readonly cause: EndCause; readonly code?: number; readonly detail?: string };

/** In milliseconds. */
export interface SessionTimeouts {
  /** From the first byte to the client's token: a client has it at hand, and a stranger must not hold a place for long. */
  readonly identity: number;
  /** From the first byte to a channel, and from one channel to the next. */
  readonly setup: number;
  /** Between the gateway's keep-alives while a channel is open. */
  readonly keepAlive: number;
  /** For the client's answer to CLOSE_CHANNEL. */
  readonly close: number;
}

export interface SessionOptions {
  readonly timeouts: SessionTimeouts;
  /** Unique among the tunnels of this gateway, unsigned 32 bits. */
  readonly tunnelId: number;
  /** A new number for each channel, unsigned 32 bits, not 0. */
  readonly nextChannelId: () => number;
  readonly now: number;
}

/** The answer to `authenticate`; `until` ends the session at that time. */
export type Answer =
  | { readonly allow: true; readonly until?: number }
  | { readonly allow: false; readonly code: number };
