import { BodyError } from './errors.js';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const DELETE = 0x7f;

type State = 'size' | 'digits' | 'extension' | 'name' | 'value' | 'token' | 'quoted' | 'escaped' | 'quoted-end' | 'cr';

/** The states in which the line may end. */
const MAY_END: ReadonlySet<State> = new Set(['digits', 'name', 'token', 'quoted-end']);
/** tchar of RFC 9110 5.6.2. */
const TOKEN_CHARACTERS = new Set(
  Buffer.from("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
);

/**
 * Reads chunk-size lines (RFC 9112 7.1 and 7.1.1, without the bad whitespace that they tolerate), which arrive in any
 * split. A line that cannot become valid fails at the first byte that shows it, and extensions are not kept.
 */
export class ChunkLineReader {
  /** The size that the last `read` completed, a safe integer. Undefined if no line was completed. */
  size: number | undefined;
  readonly #max: number;
  #state: State = 'size';
  #digits = 0;
  /** Number of bytes of the incomplete line. */
  #length = 0;

  /** @param max largest number of bytes of one line, including CRLF */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Reads from offset `start`. Returns the offset after a line, with `size` set, or the end of `bytes`.
   * @throws BodyError
   */
  read(bytes: Buffer, start: number): number {
    this.size = undefined;
    for (let at = start; at < bytes.length; at++) {
      if (++this.#length > this.#max) throw new BodyError('BODY_TOO_LONG', 'a chunk-size line is too long');
      this.#state = this.#next(bytes[at] as number);
      if (this.#state !== 'size') continue;
      this.size = this.#digits;
      this.#digits = 0;
      this.#length = 0;
      return at + 1;
    }
    return bytes.length;
  }

  /** The state after a byte; `size` after the end of the line. */
  #next(byte: number): State {
    const state = this.#state;
    if (state === 'cr') {
      if (byte !== LF) throw new BodyError('BODY_BARE_CR', 'a carriage return is not followed by a line feed');
      return 'size';
    }
    if (byte === CR && MAY_END.has(state)) return 'cr';
    if (byte !== CR && byte !== TAB && (byte < 0x20 || byte === DELETE)) throw controlError(byte);
    const next = this.#nextOf(state, byte);
    if (next === undefined) throw new BodyError('BODY_CHUNK_SIZE', 'a chunk does not begin with its size');
    return next;
  }

  #nextOf(state: State, byte: number): State | undefined {
    if (state === 'quoted' || state === 'escaped') {
      if (byte === CR) return undefined;
      if (state === 'escaped') return 'quoted';
      return byte === QUOTE ? 'quoted-end' : byte === BACKSLASH ? 'escaped' : 'quoted';
    }
    if (byte === SEMICOLON) return MAY_END.has(state) ? 'extension' : undefined;
    if (state === 'size' || state === 'digits') return this.#takeDigit(byte);
    if (byte === EQUALS) return state === 'name' ? 'value' : undefined;
    if (byte === QUOTE) return state === 'value' ? 'quoted' : undefined;
    if (state === 'quoted-end' || !TOKEN_CHARACTERS.has(byte)) return undefined;
    return state === 'extension' || state === 'name' ? 'name' : 'token';
  }

  #takeDigit(byte: number): State | undefined {
    const digit = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(digit)) return undefined;
    this.#digits = this.#digits * 16 + digit;
    if (this.#digits > Number.MAX_SAFE_INTEGER) {
      throw new BodyError('BODY_CHUNK_SIZE', 'a chunk is impossibly large');
    }
    return 'digits';
  }
}

function controlError(byte: number): BodyError {
  if (byte === LF) return new BodyError('BODY_BARE_LF', 'a line feed does not follow a carriage return');
  if (byte === 0) return new BodyError('BODY_NUL', 'a line holds a nul byte');
  return new BodyError('BODY_CONTROL', 'a line holds a control character');
}
