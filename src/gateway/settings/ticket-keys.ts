import { randomBytes } from 'node:crypto';

/** The size that Node expects: a key name, and keys for AES and HMAC. */
const TICKET_KEY_BYTES = 48;

/** New keys for TLS session tickets. A ticket of other keys costs its client a full handshake, and nothing else. */
export function newTicketKeys(): Uint8Array {
  return randomBytes(TICKET_KEY_BYTES);
}
