/**
 * HTTP/1 heads as a dissector reads them (RFC 9112, without its refusals): what does not fit is counted and the rest is kept.
 * Texts are Latin-1, as the bytes were.
 */

export type Header = readonly [name: string, value: string];

interface Head {
  /** `1.1` */
  readonly version: string;
  /** In order and as they were spelled, at most MAX_HEADERS. */
  readonly headers: readonly Header[];
  /** Bytes, with the empty line. */
  readonly length: number;
  /** Lines that are no header, and headers beyond MAX_HEADERS. */
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

/** How a body is delimited (RFC 9112 6.3). `length` is what Content-Length says. */
export type Framing = 'none' | 'chunked' | 'until close' | { readonly length: number };

/** Real heads have a dozen lines; one with hundreds is kept up to here. */
export const MAX_HEADERS = 256;

/** The head that `bytes`, from the first line to the empty one, hold; undefined when the first line is no request line. */
export function parseRequest(bytes: Buffer): RequestHead | undefined {
  const [first = '', ...lines] = linesOf(bytes);
  // By search and not by a pattern: hostile lines make a pattern with two runs of white space slow.
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

/** The head that `bytes` hold; undefined when the first line is no status line. */
export function parseResponse(bytes: Buffer): ResponseHead | undefined {
  const [first = '', ...lines] = linesOf(bytes);
  const parts = /^HTTP\/(\S{1,8}) {1,8}(\d{3})(?:$| (.*)$)/.exec(first.trimEnd());
  if (!parts) return undefined;
  const [, version = '', status, reason = ''] = parts;
  return { version, status: Number(status), reason, length: bytes.length, ...readHeaders(lines) };
}

/** The first value of a header, by its name in lower case. */
export function headerValue(headers: readonly Header[], name: string): string | undefined {
  return headers.find((header) => header[0].toLowerCase() === name)?.[1];
}

/** All values of a header, by its name in lower case. */
export function headerValues(headers: readonly Header[], name: string): string[] {
  return headers.filter((header) => header[0].toLowerCase() === name).map(([, value]) => value);
}

/** Whether a header that is a list of words has this one (in lower case). */
export function hasWord(headers: readonly Header[], name: string, word: string): boolean {
  return headerValues(headers, name).some((value) =>
    value
      .toLowerCase()
      .split(',')
      .some((part) => part.trim() === word),
  );
}

/** What follows a request: without either header nothing does. */
export function requestFraming(headers: readonly Header[]): Framing {
  return declaredFraming(headers) ?? 'none';
}

/** What follows a response: without either header everything up to the end of the connection. */
export function responseFraming({ status, headers }: ResponseHead, method: string | undefined): Framing {
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return 'none';
  return declaredFraming(headers) ?? 'until close';
}

function declaredFraming(headers: readonly Header[]): Framing | undefined {
  if (hasWord(headers, 'transfer-encoding', 'chunked')) return 'chunked';
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
      // A folded line (RFC 9112 5.2) goes on where the one before it ended.
      if (last) last[1] = `${last[1]} ${line.trim()}`;
      else odd++;
    } else if (colon <= 0 || headers.length === MAX_HEADERS) odd++;
    else headers.push([line.slice(0, colon).trimEnd(), line.slice(colon + 1).trim()]);
  }
  return { headers, odd };
}
