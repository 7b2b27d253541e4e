/**
 * Inputs and outputs of a gateway session. They are plain data, so that tests can list a whole connection as a table.
 */

/** Why a session ended, for the log. With `refused`, the `end` effect carries the result code. */
export type EndCause =
  | 'refused'
  | 'protocol error'
  | 'limit reached'
  /** The client did not send its token in time. */
  | 'identity timeout'
  | 'set-up timeout'
  | 'session time over'
  | 'target closed'
  | 'target reset'
  /** The target accepted no data for too long. */
  | 'target stalled'
  /** The session may no longer go on. */
  | 'access revoked'
  | 'closed by the gateway';

/** How the target's connection ended: FIN, RST, or closed by the driver because the target accepted no more data. */
export type TargetEnd = 'end' | 'reset' | 'stall';

/** The `EndCause` for each `TargetEnd`. */
export const TARGET_CAUSE = {
  end: 'target closed',
  reset: 'target reset',
  stall: 'target stalled',
} as const satisfies Record<TargetEnd, EndCause>;

/**
 * An action that the driver has to carry out. A session returns its effects in the order in which they are to be done.
 */
export type Effect =
  /** Send this PDU to the client. */
  | { readonly do: 'send'; readonly pdu: Buffer }
  /** Check this token, then call `answer`. The session processes no further PDU until then. */
  | { readonly do: 'authenticate'; readonly token: string }
  /** Connect to the first of these targets that is allowed and reachable, then call `connected` or `failed`. */
  | { readonly do: 'connect'; readonly names: readonly string[]; readonly port: number }
  /** Write these bytes to the target. They are a view, which stays valid as long as the driver keeps it. */
  | { readonly do: 'deliver'; readonly bytes: Buffer }
  /** The client closed the channel: close the target's connection after the bytes already delivered. */
  | { readonly do: 'disconnect' }
  /** Call `tick` at this time. It replaces the previous timer; `undefined` clears it. */
  | { readonly do: 'timer'; readonly at: number | undefined }
  /**
   * Flush the PDUs already sent, then close the transport and the target's connection. This is the last effect. With the cause
   * `refused`, `detail` says why, unless the driver refused with its answer.
   */
  | { readonly do: 'end'; readonly cause: EndCause; readonly code?: number; readonly detail?: string };

/** Timeouts of a gateway session, in milliseconds. */
export interface SessionTimeouts {
  /**
   * From the creation of the session to TUNNEL_CREATE with the token. It can be short, because a client has its token
   * ready, and it limits how long an unauthenticated client can occupy a slot.
   */
  readonly identity: number;
  /** From the creation of the session to an open channel, and from a closed channel to the next one. */
  readonly setup: number;
  /** Interval between the gateway's KEEPALIVE PDUs while a channel is open. */
  readonly keepAlive: number;
  /** From the gateway's CLOSE_CHANNEL to the client's CLOSE_CHANNEL_RESPONSE. */
  readonly close: number;
}

/** Options of a `GatewaySession`. */
export interface SessionOptions {
  readonly timeouts: SessionTimeouts;
  /** Tunnel id for TUNNEL_RESPONSE: an unsigned 32-bit integer, unique among the tunnels of this gateway. */
  readonly tunnelId: number;
  /** Returns a new channel id for each CHANNEL_RESPONSE: an unsigned 32-bit integer, not 0. */
  readonly nextChannelId: () => number;
  /** The current time in milliseconds, on the clock that all methods of the session use. */
  readonly now: number;
}

/** The result of an `authenticate` effect. At the time `until` the session ends; `code` is a result code (`RESULT`). */
export type Answer =
  | { readonly allow: true; readonly until?: number }
  | { readonly allow: false; readonly code: number };
