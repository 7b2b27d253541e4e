const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const DELETE = 0x7f;

export type LineFault = 'NUL' | 'BARE_CR' | 'BARE_LF' | 'CONTROL' | 'TOO_LONG';

const FAULT_WORDS: Readonly<Record<LineFault, string>> = {
  NUL: 'a line holds a nul byte',
  BARE_CR: 'a carriage return is not followed by a line feed',
  BARE_LF: 'a line feed does not follow a carriage return',
  CONTROL: 'a line holds a control character',
  TOO_LONG: 'a line is too long',
};

/**
 * Takes CRLF-ended lines (RFC 9112 2.2, without its leniency for a bare LF) out of bytes in any split.
 * Every byte is looked at once and copied at most a few times, so a peer that trickles single bytes costs no more than one
 * that does not; what is held never exceeds twice the longest line allowed.
 * A fault shows at the byte that makes it, so it too is the same for every split.
 */
export class LineReader {
  /** The line that the last `read` completed, as latin-1 and without its CRLF; undefined while it is unfinished. */
  line: string | undefined;
  readonly #fail: (fault: LineFault, message: string) => Error;
  #held: Buffer = Buffer.alloc(0);
  #length = 0;
  #afterCr = false;

  /** @param fail makes the error that is thrown for a fault */
  constructor(fail: (fault: LineFault, message: string) => Error) {
    this.#fail = fail;
  }

  /** Bytes of the unfinished line so far. */
  get pending(): number {
    return this.#length;
  }

  /**
   * Reads on at `start` and returns where it stopped: behind a line feed with `line` set, or at the end of `bytes`.
   * @param max bytes this line may have, CRLF included
   */
  read(bytes: Buffer, start: number, max: number): number {
    this.line = undefined;
    const room = start + max - this.#length;
    for (let at = start; at < bytes.length; at++) {
      if (at >= room) throw this.#fault('TOO_LONG');
      const byte = bytes[at] as number;
      if (this.#afterCr) {
        if (byte !== LF) throw this.#fault('BARE_CR');
        this.#complete(bytes, start, at + 1);
        return at + 1;
      }
      if (byte === CR) this.#afterCr = true;
      else if ((byte < SPACE && byte !== TAB) || byte === DELETE) throw this.#fault(controlFault(byte));
    }
    this.#hold(bytes, start, bytes.length);
    return bytes.length;
  }

  #complete(bytes: Buffer, start: number, end: number): void {
    if (this.#length === 0) {
      this.line = bytes.toString('latin1', start, end - 2);
    } else {
      this.#hold(bytes, start, end);
      this.line = this.#held.toString('latin1', 0, this.#length - 2);
    }
    this.#length = 0;
    this.#afterCr = false;
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#held.length) {
      const grown = Buffer.alloc(Math.max(64, length, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#length, start, end);
    this.#length = length;
  }

  #fault(fault: LineFault): Error {
    return this.#fail(fault, FAULT_WORDS[fault]);
  }
}

function controlFault(byte: number): LineFault {
  if (byte === LF) return 'BARE_LF';
  return byte === 0 ? 'NUL' : 'CONTROL';
}
