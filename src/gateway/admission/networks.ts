/** The networks of an address. Each may hold many connections, and a flood from one of them must not reach the others. */

/** Prefix lengths of IPv6, in groups of 16 bits: a provider, a site of a provider, a small site, a subscriber. */
const IPV6_GROUPS = [2, 3, 3.5, 4] as const;

/**
 * The networks that contain an address, from the widest to the narrowest. IPv4: the /24, which often has one owner, and
 * the address. IPv6: the /32 of a provider, the /48 and the /56 of a site, and the /64 of a subscriber (RFC 6177).
 */
export function networksOf(address: string): readonly string[] {
  const ipv4 = /^(?:::ffff:)?((\d+\.\d+\.\d+)\.\d+)$/i.exec(address);
  if (ipv4) return [`${ipv4[2]}.0/24`, ipv4[1] as string];
  if (!address.includes(':')) return [address];
  const groups = groupsOf(address);
  return IPV6_GROUPS.map((count) => prefix(groups, count));
}

/** The unit that counts as one client: an IPv4 address, or the /64 of an IPv6 address. */
export function networkOf(address: string): string {
  return networksOf(address).at(-1) as string;
}

/** The first four groups of an IPv6 address: the subnet, without the interface. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const groups = [...front, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...back];
  return groups.slice(0, 4).map((group) => Number.parseInt(group, 16));
}

function prefix(groups: readonly number[], count: number): string {
  const whole = groups.slice(0, Math.floor(count));
  const half = count % 1 === 0 ? [] : [(groups[Math.floor(count)] ?? 0) & 0xff00];
  return `${[...whole, ...half].map((group) => group.toString(16)).join(':')}::/${count * 16}`;
}
