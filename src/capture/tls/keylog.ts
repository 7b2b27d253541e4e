/** Secrets of TLS connections as programs write them down: the NSS key log format (SSLKEYLOGFILE, RFC 9850). */

/** The labels that decrypt something; `EXPORTER_SECRET` and friends do not. */
export const KEY_LABELS = [
  'CLIENT_RANDOM',
  'CLIENT_EARLY_TRAFFIC_SECRET',
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
] as const;
export type KeyLabel = (typeof KEY_LABELS)[number];

/** Connections whose secrets are kept, about 700 bytes each; the ones that came first make way. */
export const MAX_KEYLOG_CONNECTIONS = 50_000;

/** Bytes that all connections together may hold while their keys are not here. */
export const MAX_HELD_TOTAL = 16 * 1024 * 1024;

/** A line is a label, the client random and a secret of 32 to 64 bytes. */
const LINE = /^([A-Z][A-Z0-9_]*) ([0-9a-f]{64}) ((?:[0-9a-f]{2}){32,64})\s*$/gim;

/**
 * What all key log files and the capture's own secrets say. Shared by every connection of a capture; text may be added at any
 * time, and connections that wait notice at their next packet.
 */
export class KeyLog {
  /** Bytes that connections hold at the moment in the hope of keys; each keeps the account of its own. */
  held = 0;
  readonly #connections = new Map<string, Map<KeyLabel, Buffer>>();
  #version = 0;

  /** Rises whenever there are new secrets. */
  get version(): number {
    return this.#version;
  }

  /** Connections that there are secrets for. */
  get size(): number {
    return this.#connections.size;
  }

  /** Takes the lines of `text` that it understands, leaves the others (comments, other labels, damage), and returns how many were new. */
  add(text: string): number {
    let added = 0;
    for (const [, label = '', random = '', secret = ''] of text.matchAll(LINE)) {
      if (
        isKeyLabel(label) &&
        this.#put(clientRandomKey(Buffer.from(random, 'hex')), label, Buffer.from(secret, 'hex'))
      ) {
        added++;
      }
    }
    if (added > 0) this.#version++;
    return added;
  }

  /** The secret of the connection whose ClientHello had this random (as `clientRandomKey` writes it). */
  secret(random: string, label: KeyLabel): Buffer | undefined {
    return this.#connections.get(random)?.get(label);
  }

  /** Whether anything is known about the connection. */
  has(random: string): boolean {
    return this.#connections.has(random);
  }

  #put(random: string, label: KeyLabel, secret: Buffer): boolean {
    const known = this.#connections.get(random);
    if (known?.get(label)?.equals(secret)) return false;
    if (known) known.set(label, secret);
    else this.#connections.set(random, new Map([[label, secret]]));
    if (this.#connections.size > MAX_KEYLOG_CONNECTIONS) {
      for (const oldest of this.#connections.keys()) {
        this.#connections.delete(oldest);
        break;
      }
    }
    return true;
  }
}

/** A client random as a key of a table: half as long as its digits, and no piece of a longer string that would then be kept. */
export function clientRandomKey(random: Buffer): string {
  return random.toString('latin1');
}

function isKeyLabel(label: string): label is KeyLabel {
  return (KEY_LABELS as readonly string[]).includes(label);
}
