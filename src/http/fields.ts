import { HeadError } from './errors.js';

/** How the body of a request is framed. `Content-Length: 0` is no body: FreeRDP sends it on requests without one. */
export type BodyFraming = 'none' | 'chunked' | { readonly length: number };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const DIGITS = /^[0-9]{1,16}$/;
/**
 * `uri-host [":" port]` without the comma, which two joined Host fields would show. FreeRDP leaves out the port and, as it
 * takes the gateway's name as it was typed, may leave out the brackets of an IPv6 address.
 */
const HOST = /^(?:(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]{0,5})?|[0-9A-Fa-f:.]+)$/;

/** Fields on which two readers could disagree, or which decide who somebody is: a second one is refused. */
const ONCE = new Set([
  'authorization',
  'content-length',
  'content-type',
  'expect',
  'host',
  'proxy-authorization',
  'sec-websocket-key',
  'sec-websocket-version',
  'transfer-encoding',
  'upgrade',
]);

/** The fields of one head by lower-case name; values are latin-1 text without the white space around them. */
export class Fields {
  readonly map = new Map<string, string>();
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes one field line. Repeated list fields are joined as RFC 9110 5.3 says. */
  addLine(line: string): void {
    const [name, value] = splitFieldLine(line);
    this.add(name, value);
  }

  add(name: string, value: string): void {
    this.#count++;
    if (this.#count > this.#max) throw new HeadError('HEAD_TOO_MANY_FIELDS', 'too many header fields', { status: 431 });
    const key = name.toLowerCase();
    const before = this.map.get(key);
    if (before === undefined) {
      this.map.set(key, value);
      return;
    }
    if (isDecisive(key)) {
      throw new HeadError('HEAD_DUPLICATE', `the ${key} field comes twice`);
    }
    this.map.set(key, before + (key === 'cookie' ? '; ' : ', ') + value);
  }
}

/**
 * One `name: value` line (RFC 9112 5). Refuses white space before the colon and line folding, with which front ends and
 * back ends have been made to see different fields.
 */
export function splitFieldLine(line: string): [name: string, value: string] {
  if (isBlank(line.charCodeAt(0))) throw new HeadError('HEAD_FOLDED', 'a header field is folded over two lines');
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  if (isBlank(name.charCodeAt(name.length - 1))) {
    throw new HeadError('HEAD_SPACE_BEFORE_COLON', 'there is white space between a field name and its colon');
  }
  if (!TOKEN.test(name)) throw new HeadError('HEAD_FIELD_NAME', 'a header field has no valid name');
  return [name, trimBlank(line.slice(colon + 1))];
}

/** Body framing after RFC 9112 6, refusing every combination that two readers could understand in two ways. */
export function bodyFraming(fields: ReadonlyMap<string, string>): BodyFraming {
  const length = fields.get('content-length');
  const coding = fields.get('transfer-encoding');
  if (coding !== undefined) {
    if (length !== undefined) {
      throw new HeadError('HEAD_LENGTH_AND_CODING', 'both content-length and transfer-encoding are given');
    }
    if (coding.toLowerCase() !== 'chunked') {
      throw new HeadError('HEAD_TRANSFER_ENCODING', 'the transfer-encoding is not chunked', { status: 501 });
    }
    return 'chunked';
  }
  if (length === undefined) return 'none';
  const bytes = DIGITS.test(length) ? Number(length) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw new HeadError('HEAD_CONTENT_LENGTH', 'the content-length is not a number');
  return bytes === 0 ? 'none' : { length: bytes };
}

/** Exactly one Host of a plausible form (RFC 9112 3.2). It decides nothing: clients leave the port out. */
export function checkHost(fields: ReadonlyMap<string, string>): void {
  const host = fields.get('host');
  if (host === undefined) throw new HeadError('HEAD_NO_HOST', 'the host field is missing');
  if (!HOST.test(host)) throw new HeadError('HEAD_HOST', 'the host field is malformed');
}

/** The elements of a comma-separated list field, empty ones left out. */
export function listElements(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map(trimBlank)
    .filter((element) => element !== '');
}

/** Whether readers that see this field, by its lower-case name, twice or in a trailer could come to different conclusions. */
export function isDecisive(name: string): boolean {
  return ONCE.has(name) || name.startsWith('rdg-');
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Optional white space is space and tab only; `String.trim` would take a latin-1 no-break space along. */
function trimBlank(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
