/** The networks of an address. Each may hold many connections, and a flood from one of them must not reach the others. */
import { maskWords, readAddress, type Words } from '../../policy/address.js';

/** Prefix lengths. IPv4: the /24, which often has one owner, and the address. */
const IPV4_BITS = [24, 32] as const;
/** IPv6: the /32 of a provider, the /48 and the /56 of a site, and the /64 of a subscriber (RFC 6177). */
const IPV6_BITS = [32, 48, 56, 64] as const;

/**
 * The networks that contain an address, from the widest to the narrowest. The zone of a link-local address does not count.
 * A text that is no address, such as `unix`, is its own network. The results are keys and not for people: floods make many.
 */
export function networksOf(address: string): readonly string[] {
  const words = readAddress(address.replace(/%.*$/, ''))?.words;
  if (words === undefined) return [address];
  return (words.length === 1 ? IPV4_BITS : IPV6_BITS).map((bits) => keyOf(words, bits));
}

/** The unit that counts as one client: an IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(address: string): string {
  return networksOf(address).at(-1) as string;
}

function keyOf(words: Words, bits: number): string {
  const masked = maskWords(words, bits).map((word) => word.toString(16));
  return `${masked.join(':')}/${bits}`;
}
