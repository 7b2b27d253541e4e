import { HeadError } from './errors.js';
import { type BodyFraming, bodyFraming, checkHost, Fields, hasListElement, isToken } from './fields.js';
import { type LineFault, LineReader } from './lines.js';

/** A parsed and syntactically valid request head. */
export interface RequestHead {
  readonly method: string;
  /** The request target as sent, in origin form. */
  readonly target: string;
  /** The target without the query, not percent-decoded. */
  readonly path: string;
  /** What follows the first question mark of the target, as sent. */
  readonly query: string;
  /** By lower-case name. Values are latin-1 text and may hold credentials. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: BodyFraming;
  /** Whether the client asks for the end of the connection after this request (RFC 9112 9.6). */
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

/** The result of parsing: incomplete, or a head. */
export type HeadResult =
  | { readonly kind: 'need-more' }
  | {
      readonly kind: 'head';
      readonly head: RequestHead;
      /** The bytes after the head, as a view of the last bytes passed. */
      readonly rest: Buffer;
    };

const CRLF_BYTES = 2;
const NEED_MORE: HeadResult = { kind: 'need-more' };
/** Origin form: visible ASCII without the number sign, because fragments are not sent. */
const TARGET = /^\/[!-"$-~]*$/;
const VERSION = /^HTTP\/[0-9]\.[0-9]$/;

/**
 * Parses the head of an HTTP/1.1 request (RFC 9112) from one buffer. Rejects input on which two parsers could disagree:
 * bare CR or LF, NUL, line folding, repeated or contradictory framing fields, a target that is not in origin form,
 * HTTP/1.0. Accepts every syntactically valid method and field name, in any letter case.
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
      if (this.#requestLine === undefined) this.#requestLine = parseRequestLine(line);
      else if (line !== '') this.#fields.addLine(line);
      else return { kind: 'head', head: finishHead(this.#requestLine, this.#fields.map), rest: bytes.subarray(at) };
    }
    return NEED_MORE;
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

/**
 * Applies the same checks and limits to a head that another parser (node:http) has read.
 * @throws HeadError
 */
export function headFromParts(
  parts: { method: string; target: string; version: string; rawHeaders: readonly string[] },
  limits: HeadLimits = HEAD_LIMITS,
): RequestHead {
  const line = `${parts.method} ${parts.target} HTTP/${parts.version}`;
  if (line.length + CRLF_BYTES > REQUEST_LINE_BYTES) throw requestLineTooLong();
  const requestLine = parseRequestLine(line);
  const fields = new Fields(limits.headFields);
  for (let at = 0; at + 1 < parts.rawHeaders.length; at += 2) {
    fields.add(parts.rawHeaders[at] as string, parts.rawHeaders[at + 1] as string);
  }
  return finishHead(requestLine, fields.map);
}

function requestLineTooLong(): HeadError {
  return new HeadError('HEAD_REQUEST_LINE_TOO_LONG', 'the request line is too long', { status: 414 });
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
}

function parseRequestLine(line: string): RequestLine {
  const [method = '', target = '', version = '', ...more] = line.split(' ', 4);
  if (!isToken(method) || more.length > 0 || !VERSION.test(version)) {
    throw new HeadError('HEAD_REQUEST_LINE', 'the request line is not "method target version"');
  }
  if (version !== 'HTTP/1.1') throw new HeadError('HEAD_VERSION', 'the request is not http/1.1', { status: 505 });
  if (!TARGET.test(target)) throw new HeadError('HEAD_TARGET', 'the request target is not an absolute path');
  return { method, target };
}

function finishHead({ method, target }: RequestLine, headers: ReadonlyMap<string, string>): RequestHead {
  checkHost(headers);
  const body = bodyFraming(headers);
  const expect = headers.get('expect')?.toLowerCase();
  if (expect !== undefined && expect !== '100-continue') {
    throw new HeadError('HEAD_EXPECT', 'the expectation cannot be met', { status: 417 });
  }
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark + 1);
  const close = hasListElement(headers.get('connection'), 'close');
  return { method, target, path, query, headers, body, close, expectContinue: expect !== undefined };
}
