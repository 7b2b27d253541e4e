import { newTicketKeys } from '../gateway/settings/ticket-keys.js';

/**
 * Who learns the keys can decrypt the sessions of TLS 1.2 that were resumed with them, in recordings too. So a key is
 * used for a day at most, as Mozilla's guidelines ask for.
 */
const ROTATION_MS = 86_400_000;

/** Calls `use` with new keys for TLS session tickets once a day. The timer alone does not keep the process running. */
export function rotateTicketKeys(use: (keys: Uint8Array) => void): void {
  setInterval(() => use(newTicketKeys()), ROTATION_MS).unref();
}
