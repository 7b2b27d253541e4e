/** Handshake messages of one direction, out of records in any split (RFC 8446 section 4, RFC 5246 section 7.4). */

export const HANDSHAKE = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  encryptedExtensions: 8,
  serverHelloDone: 14,
  finished: 20,
  keyUpdate: 24,
} as const;

/** Hellos and extensions are a few hundred bytes, with post-quantum shares about 2000. */
export const MAX_MESSAGE = 32 * 1024;

const HEADER = 4;

/** Whose content matters here; others, certificates above all, are only counted off. */
const READ: ReadonlySet<number> = new Set([
  HANDSHAKE.clientHello,
  HANDSHAKE.serverHello,
  HANDSHAKE.encryptedExtensions,
]);

const NOTHING = Buffer.alloc(0);

/** Calls `message` as soon as one is whole; `body` is empty for those that are only counted off, and for those past `MAX_MESSAGE`. */
export class HandshakeReader {
  readonly #message: (type: number, body: Buffer) => void;
  #header = NOTHING;
  /** Room for the content, if it is read at all. */
  #body = NOTHING;
  #missing = 0;

  constructor(message: (type: number, body: Buffer) => void) {
    this.#message = message;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#header.length < HEADER) {
        const take = bytes.subarray(at, at + HEADER - this.#header.length);
        this.#header = Buffer.concat([this.#header, take]);
        at += take.length;
        if (this.#header.length < HEADER) return;
        this.#missing = this.#header.readUIntBE(1, 3);
        const read = READ.has(this.#header[0] ?? 0) && this.#missing <= MAX_MESSAGE;
        this.#body = read ? Buffer.alloc(this.#missing) : NOTHING;
      }
      const part = bytes.subarray(at, at + this.#missing);
      at += part.length;
      if (this.#body.length > 0) part.copy(this.#body, this.#body.length - this.#missing);
      this.#missing -= part.length;
      if (this.#missing > 0) return;
      const type = this.#header[0] ?? 0;
      const body = this.#body;
      this.reset();
      this.#message(type, body);
    }
  }

  /** Forgets a message that was begun: its rest is missing. */
  reset(): void {
    this.#header = NOTHING;
    this.#body = NOTHING;
    this.#missing = 0;
  }
}
