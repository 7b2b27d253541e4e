/** Waits for the first flight of a TLS client, which costs nothing, before TLS starts, which costs a signature. */
import type { Socket } from 'node:net';
import { readStart, type Start } from '../io/read-start.js';
import { ignoreError } from '../io/sockets.js';

const HANDSHAKE_RECORD = 0x16;
/** Type, version and length of a TLS record (RFC 8446 5.1). */
const RECORD_HEADER_BYTES = 5;
/** The longest plaintext of a record (RFC 8446 5.1). It limits what is held for a client that has no identity. */
export const RECORD_MAX = 2 ** 14;

/**
 * Resolves to `arrived` once the first TLS record is here as a whole, or cannot become one: TLS then says what is wrong.
 * The bytes stay in the socket. `late`: there is none after `limitMs`. `ended`: the connection ended before.
 *
 * A ClientHello may continue in a second record (RFC 8446 5.1). Clients send it at once, and TLS waits for it.
 */
export function awaitClientHello(socket: Socket, limitMs: number): Promise<'arrived' | 'late' | 'ended'> {
  socket.on('error', ignoreError);
  return readStart(socket, limitMs, parseFirstRecord);
}

function parseFirstRecord(bytes: Buffer): Start<'arrived'> | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined;
  const length = bytes.readUInt16BE(3);
  const isRecord = bytes[0] === HANDSHAKE_RECORD && length <= RECORD_MAX;
  return isRecord && bytes.length < RECORD_HEADER_BYTES + length ? undefined : { value: 'arrived', length: 0 };
}
