/** The header fields in which a proxy names the client of a request: X-Forwarded-For, and Forwarded of RFC 7239. */
import { canonicalAddress } from '../policy/address.js';

/** The setting `forwarded`. */
export type ForwardedField = 'x-forwarded-for' | 'forwarded';

/**
 * Longest field value in characters. Each hop has some dozen. The limit bounds the work for a client whose proxy passes on what it
 * sent.
 */
export const FORWARDED_MAX = 4096;
/** Hops that are looked at, from the right: more than proxies stand in a row. Hundreds would take a millisecond. */
export const HOPS_MAX = 16;

/**
 * Returns the client of a request that came from a trusted proxy: the right-most hop that is not itself a trusted proxy, in
 * canonical form. Each proxy adds the address that it saw at the right, so everything left of that hop is only a claim.
 *
 * Returns undefined if the field is missing, longer than `FORWARDED_MAX` or malformed, if that hop is `unknown` or obfuscated, and
 * if all hops, or the last `HOPS_MAX`, are trusted proxies.
 *
 * @param value the field value; several fields are joined with commas (RFC 9110 5.3)
 */
export function forwardedClient(
  field: ForwardedField,
  value: string | undefined,
  isTrusted: (address: string) => boolean,
): string | undefined {
  if (value === undefined || value.length > FORWARDED_MAX) return undefined;
  const hops = field === 'forwarded' ? forwardedHops(value) : addressList(value);
  for (const hop of hops?.reverse().slice(0, HOPS_MAX) ?? []) {
    const address = hopAddress(hop);
    if (address === undefined || !isTrusted(address)) return address;
  }
  return undefined;
}

function addressList(value: string): string[] {
  return value
    .split(',')
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '');
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711` */
function hopAddress(hop: string): string | undefined {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d{1,5})?$/.exec(hop) ?? [];
  if (bracketed !== undefined) return bracketed.includes(':') ? canonicalAddress(bracketed) : undefined;
  return canonicalAddress(plain) ?? canonicalAddress(hop);
}

/** Empty elements of a list, which a recipient ignores (RFC 9110 5.6.1.2). Proxies leave one where they add to a missing field. */
const EMPTY_ELEMENTS = /(?:[ \t]*,)*[ \t]*/y;
/** RFC 9110 5.6.2 and 5.6.4; sticky, so that the value is read once from left to right. */
const PAIR = /[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"((?:[^"\\]|\\.)*)")[ \t]*/y;

/**
 * Returns the parameter `for` of each element of a Forwarded field (RFC 7239 section 4), empty where an element has none. Returns
 * undefined if the field is malformed or an element has a parameter twice.
 */
function forwardedHops(value: string): string[] | undefined {
  const hops: string[] = [];
  let names = new Set<string>();
  let hop = '';
  PAIR.lastIndex = skipEmpty(value, 0);
  while (PAIR.lastIndex < value.length) {
    const match = PAIR.exec(value);
    if (match === null) return undefined;
    const [, name = '', token, quoted = ''] = match;
    const key = name.toLowerCase();
    if (names.has(key)) return undefined;
    names.add(key);
    if (key === 'for') hop = token ?? quoted.replace(/\\(.)/g, '$1');
    const at = PAIR.lastIndex;
    if (at < value.length && value[at] === ';') {
      PAIR.lastIndex = at + 1;
      continue;
    }
    if (at < value.length && value[at] !== ',') return undefined;
    hops.push(hop);
    [names, hop] = [new Set(), ''];
    PAIR.lastIndex = skipEmpty(value, at);
  }
  return hops;
}

/** The offset of the next element that is not empty, or the length. */
function skipEmpty(value: string, at: number): number {
  EMPTY_ELEMENTS.lastIndex = at;
  EMPTY_ELEMENTS.exec(value);
  return EMPTY_ELEMENTS.lastIndex;
}
