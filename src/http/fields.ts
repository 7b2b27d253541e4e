import { HeadError } from './errors.js';

/**
 * How the body of a request is framed. `Content-Length: 0` counts as `none`: FreeRDP sends it on requests without a
 * body.
 */
export type BodyFraming = 'none' | 'chunked' | { readonly length: number };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Up to 2^64 - 1, which stands for a body without a limit, and zeros in front of it. */
const DIGITS = /^[0-9]{1,32}$/;
/**
 * `uri-host [":" port]`, without the comma, which two combined Host fields would contain. FreeRDP omits the port. It
 * uses the gateway's name as the user entered it, so an IPv6 address may lack its brackets.
 */
const HOST = /^(?:(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]{0,5})?|[0-9A-Fa-f:.]+)$/;

/** A DNS name has at most 253 characters, and a port six more with its colon. */
const HOST_LENGTH = 260;
/** More elements than any client lists of subprotocols; empty ones count (RFC 9110 5.6.1.2 asks for a reasonable number). */
const LIST_ELEMENTS = 16;

/**
 * Fields that affect framing, routing or authentication, on which two parsers could disagree. Duplicates are rejected,
 * except equal lengths.
 */
const SINGLETON_FIELDS = new Set([
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

/** The fields of one head by lower-case name. Values are latin-1 text without leading and trailing whitespace. */
export class Fields {
  readonly map = new Map<string, string>();
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Adds one field line. Repeated list fields are combined according to RFC 9110 5.3.
   * @throws HeadError
   */
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
    // Equal lengths count once; `bodyFraming` compares them.
    if (isSingletonField(key) && key !== 'content-length') {
      throw new HeadError('HEAD_DUPLICATE', `the ${key} field comes twice`);
    }
    this.map.set(key, before + (key === 'cookie' ? '; ' : ', ') + value);
  }
}

/**
 * Splits one `name: value` line (RFC 9112 5). Rejects whitespace before the colon and line folding, which have been
 * used to make front ends and back ends see different fields (request smuggling).
 * @throws HeadError
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

/**
 * Determines the body framing according to RFC 9112 6. Rejects every combination that two parsers could interpret
 * differently.
 * @throws HeadError
 */
export function bodyFraming(fields: ReadonlyMap<string, string>): BodyFraming {
  const given = fields.get('content-length');
  const length = given === undefined ? undefined : singleLength(given);
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
  if (!DIGITS.test(length)) throw new HeadError('HEAD_CONTENT_LENGTH', 'the content-length is not a number');
  // A length is an upper limit here (MS-TSGU 1.5.3), and no body reaches this one.
  const bytes = Math.min(Number(length), Number.MAX_SAFE_INTEGER);
  return bytes === 0 ? 'none' : { length: bytes };
}

/** The length that a field repeats (`5, 5`), which counts once (RFC 9112 6.3); otherwise the value unchanged. */
function singleLength(value: string): string {
  if (!value.includes(',')) return value;
  const [first, ...others] = listElements(value) ?? [];
  return first !== undefined && others.every((other) => other === first) ? first : value;
}

/**
 * Checks that the Host field is present and well-formed (RFC 9112 3.2). It is not compared with a name, and clients may
 * omit the port.
 * @throws HeadError
 */
export function checkHost(fields: ReadonlyMap<string, string>): void {
  const host = fields.get('host');
  if (host === undefined) throw new HeadError('HEAD_NO_HOST', 'the host field is missing');
  if (!isHost(host)) throw new HeadError('HEAD_HOST', 'the host field is malformed');
}

/** Whether the text is `host` or `host:port`. */
export function isHost(text: string): boolean {
  return text.length <= HOST_LENGTH && HOST.test(text);
}

/** Returns the elements of a comma-separated list field, without empty ones; undefined for more than LIST_ELEMENTS. */
export function listElements(value: string | undefined): string[] | undefined {
  const elements = (value ?? '').split(',', LIST_ELEMENTS + 1);
  if (elements.length > LIST_ELEMENTS) return undefined;
  return elements.map(trimBlank).filter((element) => element !== '');
}

/**
 * Reports whether a comma-separated list field has an element, in any letter case. The list may be long, so it is not
 * split.
 * @param element in lower case
 */
export function hasListElement(value: string | undefined, element: string): boolean {
  const list = (value ?? '').toLowerCase();
  for (let at = list.indexOf(element); at >= 0; at = list.indexOf(element, at + element.length)) {
    if (isElementEnd(list, at - 1, -1) && isElementEnd(list, at + element.length, 1)) return true;
  }
  return false;
}

/** Whether only white space lies between this index and the next comma or end of the list, in the direction of `step`. */
function isElementEnd(list: string, index: number, step: 1 | -1): boolean {
  let at = index;
  while (isBlank(list.charCodeAt(at))) at += step;
  return at < 0 || at >= list.length || list[at] === ',';
}

/**
 * Reports whether the field, given by its lower-case name, must occur only once and never in a trailer, because parsers
 * could otherwise interpret the request differently.
 */
export function isSingletonField(name: string): boolean {
  return SINGLETON_FIELDS.has(name) || name.startsWith('rdg-');
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Removes optional whitespace, which is space and tab only. `String.trim` would also remove a latin-1 no-break space.
 */
function trimBlank(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
