/** The interface of a transport: the WebSocket transport and the dual-channel HTTP transport implement it. */

import type { Envelope } from '../../http/envelope.js';
import { MAX_CONTROL_PDU } from '../../protocol/index.js';

/**
 * Total of the bytes that an unauthenticated client may send: a handshake, the largest possible token, and the frames
 * or chunks around them. Keep-alives and pings are valid at any time: without this limit a client could keep the
 * gateway reading until `timeouts.identity`.
 */
export const UNAUTHENTICATED_BYTES = MAX_CONTROL_PDU + 4096;

/** How the client's side ended. A reset is as normal as a close: mstsc resets, FreeRDP drops the TLS connection. */
export type TransportEnd = 'client closed' | 'client reset' | 'bad framing' | 'too much data';

export interface TransportEvents {
  /** Bytes of the PDU stream, split anywhere. The receiver owns their memory. */
  bytes(bytes: Buffer): void;
  /** The client's side has ended. Called exactly once. */
  end(how: TransportEnd, detail?: string): void;
}

export interface Transport {
  readonly kind: 'websocket' | 'http';
  readonly envelope: Envelope;
  /** Starts the delivery of events, with the bytes that arrived before. */
  open(events: TransportEvents): void;
  /** The client is authenticated: UNAUTHENTICATED_BYTES no longer applies. */
  trust(): void;
  /**
   * Writes whole PDUs, each in its envelope. `sent` is called when the system has taken all bytes, or with an error
   * when it never will; never before this returns.
   */
  write(bytes: Buffer, sent: (error?: Error | null) => void): void;
  /** Stops and starts reading from the client. */
  pause(): void;
  resume(): void;
  /** As `endSocket`, for every connection of the transport. */
  end(lingerMs: number): void;
}
