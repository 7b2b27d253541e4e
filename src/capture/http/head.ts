/**
 * A lenient parser of HTTP/1 heads (RFC 9112): malformed lines are counted and skipped where a server would reject the
 * message. Strings are decoded as Latin-1.
 */

export type Header = readonly [name: string, value: string];

interface Head {
  /** `1.1` */
  readonly version: string;
  /** In order and as spelled, at most MAX_HEADERS. */
  readonly headers: readonly Header[];
  /** In bytes, including the empty line. */
  readonly length: number;
  /** Number of lines that are not a header, and of headers beyond MAX_HEADERS. */
  readonly odd: number;
}

export interface RequestHead extends Head {
  readonly method: string;
  readonly target: string;
}

export interface ResponseHead extends Head {
  readonly status: number;
  readonly reason: string;
}

/** How a body is delimited (RFC 9112 6.3). `length` is the value of Content-Length. */
export type Framing = 'none' | 'chunked' | 'until close' | { readonly length: number };

/** Headers kept of one head. Real heads have about a dozen. */
export const MAX_HEADERS = 256;

/** Parses `bytes` from the first line to the empty line. Undefined when the first line is not a request line. */
export function parseRequest(bytes: Buffer): RequestHead | undefined {
  const [first = '', ...lines] = linesOf(bytes);
  // A regular expression with two runs of white space would take quadratic time on hostile lines.
  const space = first.indexOf(' ');
  const mark = first.lastIndexOf(' HTTP/');
  if (space <= 0 || mark < space) return undefined;
  return {
    method: first.slice(0, space),
    target: first.slice(space + 1, mark).trim(),
    version: first.slice(mark + ' HTTP/'.length).trim(),
    length: bytes.length,
    ...readHeaders(lines),
  };
}

/** Parses `bytes` from the first line to the empty line. Undefined when the first line is not a status line. */
export function parseResponse(bytes: Buffer): ResponseHead | undefined {
  const [first = '', ...lines] = linesOf(bytes);
  const parts = /^HTTP\/(\S{1,8}) {1,8}(\d{3})(?:$| (.*)$)/.exec(first.trimEnd());
  if (!parts) return undefined;
  const [, version = '', status, reason = ''] = parts;
  return { version, status: Number(status), reason, length: bytes.length, ...readHeaders(lines) };
}

/** The first value of the header `name`, which is in lower case. */
export function headerValue(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => header[0].toLowerCase() === name)?.[1];
}

/** All values of the header `name`, which is in lower case. */
export function headerValues(headers: readonly Header[], name: string): string[] {
  return headers.filter((header) => header[0].toLowerCase() === name).map(([, value]) => value);
}

/** Whether the comma-separated list in the header `name` has `token`. Both are in lower case. */
export function hasToken(headers: readonly Header[], name: string, token: string): boolean {
  return headerValues(headers, name).some((value) =>
    value
      .toLowerCase()
      .split(',')
      .some((part) => part.trim() === token),
  );
}

/** The framing of a request's body. Without Transfer-Encoding and Content-Length there is no body. */
export function requestFraming(headers: readonly Header[]): Framing {
  return declaredFraming(headers) ?? 'none';
}

/** The framing of a response's body. Without Transfer-Encoding and Content-Length it ends with the connection. */
export function responseFraming({ status, headers }: ResponseHead, method: string | undefined): Framing {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return 'none';
  return declaredFraming(headers) ?? 'until close';
}

function declaredFraming(headers: readonly Header[]): Framing | undefined {
  if (hasToken(headers, 'transfer-encoding', 'chunked')) return 'chunked';
  const length = headerValue(headers, 'content-length');
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined;
  return Number(length) === 0 ? 'none' : { length: Number(length) };
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

function readHeaders(lines: readonly string[]): { headers: Header[]; odd: number } {
  const headers: [string, string][] = [];
  let odd = 0;
  for (const line of lines) {
    if (line === '') continue;
    const last = headers.at(-1);
    const colon = line.indexOf(':');
    if (line.startsWith(' ') || line.startsWith('\t')) {
      // A folded line (RFC 9112 5.2) continues the value of the line before it.
      if (last) last[1] = `${last[1]} ${line.trim()}`;
      else odd++;
    } else if (colon <= 0 || headers.length === MAX_HEADERS) odd++;
    else headers.push([line.slice(0, colon).trimEnd(), line.slice(colon + 1).trim()]);
  }
  return { headers, odd };
}
