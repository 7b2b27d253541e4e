/** TLS secrets in the NSS key log format (SSLKEYLOGFILE, RFC 9850). */

/** Labels of secrets that decrypt records. Others, such as `EXPORTER_SECRET`, are ignored. */
export const KEY_LABELS = [
  'CLIENT_RANDOM',
  'CLIENT_EARLY_TRAFFIC_SECRET',
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
] as const;
export type KeyLabel = (typeof KEY_LABELS)[number];

/** Maximum number of connections with secrets, about 700 bytes each. The oldest are removed first. */
export const MAX_KEYLOG_CONNECTIONS = 50_000;

/** Maximum bytes that all connections together buffer while their keys are not available. */
export const MAX_HELD_TOTAL = 16 * 1024 * 1024;

/** A line is a label, the client random and a secret of 32 to 64 bytes. */
const LINE = /^([A-Z][A-Z0-9_]*) ([0-9a-f]{64}) ((?:[0-9a-f]{2}){32,64})\s*$/gim;

/**
 * The secrets of all key log files and of the capture itself, shared by all connections of a capture. Text may be added
 * at any time; connections that lack keys check for them at their next packet.
 */
export class KeyLog {
  /** Bytes that all connections buffer at present while they lack keys. Updated by `HeldRecords`. */
  held = 0;
  readonly #connections = new Map<string, Map<KeyLabel, Buffer>>();
  #version = 0;

  /** Increases whenever secrets are added. */
  get version(): number {
    return this.#version;
  }

  /** Number of connections with secrets. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * Adds the secrets in `text` and returns how many were new. Comments, other labels and malformed lines are ignored.
   */
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

  /** Returns a secret of the connection with this client random, in the form of `clientRandomKey`. */
  secret(random: string, label: KeyLabel): Buffer | undefined {
    return this.#connections.get(random)?.get(label);
  }

  /** Whether there are any secrets for the connection with this client random. */
  has(random: string): boolean {
    return this.#connections.has(random);
  }

  #put(random: string, label: KeyLabel, secret: Buffer): boolean {
    const secrets = this.#connections.get(random);
    if (secrets?.get(label)?.equals(secret)) return false;
    if (secrets) secrets.set(label, secret);
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

/**
 * Returns a client random as a map key. Latin-1 is half as long as hexadecimal. The string is also not a slice of a
 * larger one, which would stay in memory.
 */
export function clientRandomKey(random: Buffer): string {
  return random.toString('latin1');
}

function isKeyLabel(label: string): label is KeyLabel {
  return (KEY_LABELS as readonly string[]).includes(label);
}
