/** What a tunnel needs of its transport; the WebSocket and the dual-channel form both provide it. */

import { MAX_CONTROL_PDU } from '../protocol/index.js';

/**
 * What a stranger may send in all: a handshake, the largest token there can be, and frames or chunks around them. A WebSocket message
 * is held until it is complete, so without this each of them could take `messageBytes` of memory; and keep-alives, which are allowed
 * at any time, could keep us reading until `timeouts.identity` is over.
 */
export const STRANGER_BYTES = MAX_CONTROL_PDU + 4096;

/** How the client's side came to its end. A reset is as normal as a close: mstsc resets, FreeRDP just drops TLS. */
export type TransportEnd = 'client closed' | 'client reset' | 'bad framing' | 'too much data';

export interface TransportEvents {
  /** Bytes of the PDU stream, in any split. A view: valid until the handler returns, unless it keeps the buffer itself. */
  bytes(bytes: Buffer): void;
  /** There is room again after `send` said no. */
  drain(): void;
  /** Nothing more will come. Exactly once. */
  end(how: TransportEnd, detail?: string): void;
}

export interface Transport {
  readonly kind: 'websocket' | 'http';
  /** From now on events are delivered; what came before was kept. */
  open(events: TransportEvents): void;
  /** The client has proven who it is: what a stranger may send no longer bounds it. */
  trust(): void;
  /** Sends one whole PDU. False asks the caller to wait for `drain`: the PDU itself was taken. */
  send(pdu: Buffer): boolean;
  /** Stops and starts reading from the client. */
  pause(): void;
  resume(): void;
  /** Flushes what was sent, ends the connection and gives the client `lingerMs` to go before it is cut. */
  end(lingerMs: number): void;
}
