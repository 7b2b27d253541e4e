/** Reassembles the handshake messages of one direction from records (RFC 8446 section 4, RFC 5246 section 7.4). */

/** Handshake message types. */
export const HANDSHAKE = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  encryptedExtensions: 8,
  serverHelloDone: 14,
  finished: 20,
  keyUpdate: 24,
} as const;

/** Longest message that is buffered. Hellos have a few hundred bytes, with post-quantum key shares about 2000. */
export const MAX_MESSAGE = 32 * 1024;

const HEADER = 4;

/** Messages whose body is buffered. The bodies of others, such as certificates, are skipped. */
const PARSED: ReadonlySet<number> = new Set([
  HANDSHAKE.clientHello,
  HANDSHAKE.serverHello,
  HANDSHAKE.encryptedExtensions,
]);

const EMPTY = Buffer.alloc(0);

/** Calls `message` for each complete message. `body` is empty when it was skipped or is longer than `MAX_MESSAGE`. */
export class HandshakeReader {
  readonly #message: (type: number, body: Buffer) => void;
  #header = EMPTY;
  /** Buffer for the body; empty when the body is skipped. */
  #body = EMPTY;
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
        const read = PARSED.has(this.#header[0] ?? 0) && this.#missing <= MAX_MESSAGE;
        this.#body = read ? Buffer.alloc(this.#missing) : EMPTY;
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

  /** Discards an incomplete message, whose remainder is missing. */
  reset(): void {
    this.#header = EMPTY;
    this.#body = EMPTY;
    this.#missing = 0;
  }
}
