/** Waits for the first flight of a TLS client, which costs nothing, before TLS starts, which costs a signature. */
import type { Socket } from 'node:net';
import { ignoreError } from '../io/sockets.js';

const HANDSHAKE_RECORD = 0x16;
/** Type, version and length of a TLS record (RFC 8446 5.1). */
const RECORD_HEADER_BYTES = 5;

/**
 * Calls `arrived` once the first TLS record is here as a whole, or cannot become one: TLS then says what is wrong. The
 * bytes stay in the socket. Calls `late` instead after `limitMs`. Calls neither when the socket closes before.
 *
 * A ClientHello may continue in a second record (RFC 8446 5.1). Clients send it at once, and TLS waits for it.
 */
export function awaitClientHello(socket: Socket, limitMs: number, arrived: () => void, late: () => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let needed = RECORD_HEADER_BYTES;
  const timer = setTimeout(() => {
    stop();
    late();
  }, limitMs).unref();
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('readable', read);
    socket.off('close', stop);
  };
  const read = (): void => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      chunks.push(chunk);
      size += chunk.length;
    }
    if (size < needed) return;
    if (needed === RECORD_HEADER_BYTES) needed = recordSize(Buffer.concat(chunks));
    if (size < needed) return;
    stop();
    socket.unshift(Buffer.concat(chunks));
    arrived();
  };
  socket.on('error', ignoreError);
  socket.on('readable', read);
  socket.once('close', stop);
}

/** Bytes of a TLS record with its header; 0 for bytes that are no record of a handshake. */
function recordSize(header: Buffer): number {
  return header[0] === HANDSHAKE_RECORD ? RECORD_HEADER_BYTES + header.readUInt16BE(3) : 0;
}
