/** What a tunnel needs of its transport; the WebSocket and the dual-channel form both provide it. */

import type { Envelope } from '../../http/envelope.js';
import { MAX_CONTROL_PDU } from '../../protocol/index.js';

/**
 * What a stranger may send in all: a handshake, the largest token there can be, and frames or chunks around them. Keep-alives are
 * valid at any time, and pings too: without this somebody could keep us reading until `timeouts.identity` is over.
 */
export const UNAUTHENTICATED_BYTES = MAX_CONTROL_PDU + 4096;

/** How the client's side came to its end. A reset is as normal as a close: mstsc resets, FreeRDP just drops TLS. */
export type TransportEnd = 'client closed' | 'client reset' | 'bad framing' | 'too much data';

export interface TransportEvents {
  /** Bytes of the PDU stream, in any split: a view into memory that is the receiver's from now on. */
  bytes(bytes: Buffer): void;
  /** Nothing more will come. Exactly once. */
  end(how: TransportEnd, detail?: string): void;
}

export interface Transport {
  readonly kind: 'websocket' | 'http';
  readonly envelope: Envelope;
  /** From now on events are delivered; what came before was kept. */
  open(events: TransportEvents): void;
  /** The client has proven who it is: what a stranger may send no longer bounds it. */
  trust(): void;
  /**
   * Writes whole PDUs, each in its envelope. `sent` is called once the system has taken them all, or with an error when it
   * never will; not before this returns.
   */
  write(bytes: Buffer, sent: (error?: Error | null) => void): void;
  /** Stops and starts reading from the client. */
  pause(): void;
  resume(): void;
  /** As `endSocket`, for every connection of the transport. */
  end(lingerMs: number): void;
}
