import { HeadError } from './errors.js';
import { type BodyFraming, bodyFraming, checkHost, Fields, hasListElement } from './fields.js';
import { type LineFault, LineReader } from './lines.js';
import { parseRequestLine, type RequestLine, startOfRequestLine } from './request-line.js';

/** What is known of a request before its head is complete, or when it is invalid. */
export interface HeadStart {
  /** Empty if the head is invalid before the end of its method. */
  readonly method: string;
  /** The target without the query, not percent-decoded. Empty if the head is invalid before. */
  readonly path: string;
  /** What follows the first question mark of the target, as sent. */
  readonly query: string;
  /** By lower-case name. Values are latin-1 text and may hold credentials. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A parsed and syntactically valid request head. */
export interface RequestHead extends HeadStart {
  /** Later minor versions are read as 1.1 (RFC 9110 2.5). */
  readonly version: '1.0' | '1.1';
  readonly body: BodyFraming;
  /** Whether the connection ends after this request, as the client or HTTP/1.0 wants it (RFC 9112 9.3, 9.6). */
  readonly close: boolean;
  /** Whether the client sent `Expect: 100-continue` and waits for a 100 response before it sends the body. */
  readonly expectContinue: boolean;
}

/** Limits of a request head. */
export interface HeadLimits {
  /** Number of bytes from the request line to the empty line, including both. */
  readonly headBytes: number;
  /** Number of field lines. */
  readonly headFields: number;
}

/**
 * Default limits. A Kerberos ticket with many groups makes an Authorization field above 10 KiB; http.sys allows 64 KiB.
 */
export const HEAD_LIMITS: HeadLimits = { headBytes: 64 * 1024, headFields: 100 };

/** Largest request line in bytes, including CRLF. The query form of MS-TSGU 2.2.3.3 can contain a bearer token. */
export const REQUEST_LINE_BYTES = 16 * 1024;

/** Empty lines before a request line, which a client may send after a body (RFC 9112 2.2): more than any one sends. */
const EMPTY_LINES = 8;
/** Of an invalid request line: enough to recognize the method and the path. */
const START_BYTES = 256;

/** The result of parsing: incomplete, or a head. */
export type HeadResult =
  | { readonly kind: 'need-more' }
  | {
      readonly kind: 'head';
      readonly head: RequestHead;
      /** The bytes after the head, as a view of the last bytes passed. */
      readonly rest: Buffer;
    };

const NEED_MORE: HeadResult = { kind: 'need-more' };

/**
 * Parses the head of an HTTP/1.x request (RFC 9112) from one buffer. Rejects input on which two parsers could disagree:
 * bare CR or LF, NUL, line folding, repeated or contradictory framing fields. Accepts every syntactically valid method
 * and field name, in any letter case.
 * @throws HeadError
 */
export function parseHead(bytes: Buffer, limits: HeadLimits = HEAD_LIMITS): HeadResult {
  return new HeadReader(limits).push(bytes);
}

/**
 * Parses like `parseHead`, for a head that arrives in chunks. The result or error is the same for every split; linear
 * time.
 */
export class HeadReader {
  readonly #limits: HeadLimits;
  readonly #lines = new LineReader((fault, message) => this.#lineError(fault, message));
  readonly #fields: Fields;
  #requestLine: RequestLine | undefined;
  #emptyLines = 0;
  /** Number of bytes of the complete lines. */
  #taken = 0;

  constructor(limits: HeadLimits = HEAD_LIMITS) {
    this.#limits = limits;
    this.#fields = new Fields(limits.headFields);
  }

  /**
   * Processes the next bytes. It must not be called again after it returned a head or threw.
   * @throws HeadError
   */
  push(bytes: Buffer): HeadResult {
    let at = 0;
    while (at < bytes.length) {
      const before = this.#lines.pending;
      const next = this.#lines.read(bytes, at, this.#lineMax());
      const line = this.#lines.line;
      if (line === undefined) break;
      this.#taken += before + next - at;
      at = next;
      if (this.#requestLine === undefined) this.#startWith(line);
      else if (line !== '') this.#fields.addLine(line);
      else return { kind: 'head', head: finishHead(this.#requestLine, this.#fields.map), rest: bytes.subarray(at) };
    }
    return NEED_MORE;
  }

  /** Whether the request line has begun: empty lines before it do not count. */
  get hasStarted(): boolean {
    return this.#requestLine !== undefined || this.#lines.pending > 0;
  }

  /** What is known so far, also after an error. */
  get start(): HeadStart {
    const { method, path, query } =
      this.#requestLine ?? startOfRequestLine(this.#lines.line || this.#lines.start(START_BYTES));
    return { method, path, query, headers: this.#fields.map };
  }

  #startWith(line: string): void {
    if (line === '' && this.#emptyLines < EMPTY_LINES) this.#emptyLines++;
    else this.#requestLine = parseRequestLine(line);
  }

  #lineMax(): number {
    const left = this.#limits.headBytes - this.#taken;
    return this.#requestLine === undefined ? Math.min(left, REQUEST_LINE_BYTES) : left;
  }

  #lineError(fault: LineFault, message: string): HeadError {
    if (fault !== 'TOO_LONG') return new HeadError(`HEAD_${fault}`, message);
    if (this.#requestLine === undefined && this.#limits.headBytes > REQUEST_LINE_BYTES) {
      return requestLineTooLong();
    }
    return new HeadError('HEAD_TOO_LARGE', 'the request head is too large', { status: 431 });
  }
}

function requestLineTooLong(): HeadError {
  return new HeadError('HEAD_REQUEST_LINE_TOO_LONG', 'the request line is too long', { status: 414 });
}

function finishHead({ method, path, query, version }: RequestLine, headers: ReadonlyMap<string, string>): RequestHead {
  const isOld = version === '1.0';
  // HTTP/1.0 has no Host field, and no expectations (RFC 9110 10.1.1).
  if (!isOld || headers.has('host')) checkHost(headers);
  const body = bodyFraming(headers);
  if (isOld && body === 'chunked') {
    // RFC 9112 6.1: a proxy of HTTP/1.0 may have passed the field without knowing it.
    throw new HeadError('HEAD_TRANSFER_ENCODING', 'a request of http/1.0 has a transfer-encoding');
  }
  const expect = isOld ? undefined : headers.get('expect')?.toLowerCase();
  if (expect !== undefined && expect !== '100-continue') {
    throw new HeadError('HEAD_EXPECT', 'the expectation cannot be met', { status: 417 });
  }
  const close = isOld || hasListElement(headers.get('connection'), 'close');
  return { method, path, query, version, headers, body, close, expectContinue: expect !== undefined };
}
