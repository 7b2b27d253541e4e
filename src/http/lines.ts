const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

export type LineFault = 'NUL' | 'BARE_CR' | 'BARE_LF' | 'CONTROL' | 'TOO_LONG';

const FAULT_MESSAGES: Readonly<Record<LineFault, string>> = {
  NUL: 'a line holds a nul byte',
  BARE_CR: 'a carriage return is not followed by a line feed',
  BARE_LF: 'a line feed does not follow a carriage return',
  CONTROL: 'a line holds a control character',
  TOO_LONG: 'a line is too long',
};

/**
 * Reads CRLF-terminated lines (RFC 9112 2.2, without its tolerance of a bare LF) from bytes that arrive in any split.
 *
 * Each byte is examined once and copied at most a few times, so a peer that sends single bytes costs no more than any
 * other. The buffer never exceeds twice the longest line allowed. A fault is reported at the byte that causes it, so it
 * is the same for every split.
 */
export class LineReader {
  /** The line that the last `read` completed, as latin-1 without CRLF. Undefined if no line was completed. */
  line: string | undefined;
  readonly #fail: (fault: LineFault, message: string) => Error;
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #afterCr = false;

  /** @param fail returns the error to throw for a fault */
  constructor(fail: (fault: LineFault, message: string) => Error) {
    this.#fail = fail;
  }

  /** Number of bytes of the incomplete line. */
  get pending(): number {
    return this.#length;
  }

  /** The first `length` bytes of the incomplete line, as latin-1; after a fault, of the line with the fault. */
  start(length: number): string {
    return this.#buffer.toString('latin1', 0, Math.min(length, this.#length));
  }

  /**
   * Reads from offset `start`. Returns the offset after a line feed, with `line` set, or the end of `bytes`.
   * @param max largest number of bytes of this line, including CRLF
   */
  read(bytes: Buffer, start: number, max: number): number {
    this.line = undefined;
    const room = start + max - this.#length;
    for (let at = start; at < bytes.length; at++) {
      if (at >= room) throw this.#fault('TOO_LONG', bytes, start, at);
      const byte = bytes[at] as number;
      if (this.#afterCr) {
        if (byte !== LF) throw this.#fault('BARE_CR', bytes, start, at);
        this.#complete(bytes, start, at + 1);
        return at + 1;
      }
      if (byte === CR) this.#afterCr = true;
      else if ((byte < SPACE && byte !== TAB) || byte === DELETE) {
        throw this.#fault(controlFault(byte), bytes, start, at);
      }
    }
    this.#append(bytes, start, bytes.length);
    return bytes.length;
  }

  #complete(bytes: Buffer, start: number, end: number): void {
    if (this.#length === 0) {
      this.line = bytes.toString('latin1', start, end - 2);
    } else {
      this.#append(bytes, start, end);
      this.line = this.#buffer.toString('latin1', 0, this.#length - 2);
    }
    this.#length = 0;
    this.#afterCr = false;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(64, length, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    bytes.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }

  /** Keeps the line up to the fault, so that the caller can see whose it is. */
  #fault(fault: LineFault, bytes: Buffer, start: number, at: number): Error {
    this.#append(bytes, start, at);
    return this.#fail(fault, FAULT_MESSAGES[fault]);
  }
}

function controlFault(byte: number): LineFault {
  if (byte === LF) return 'BARE_LF';
  return byte === 0 ? 'NUL' : 'CONTROL';
}
