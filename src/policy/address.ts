import ipaddr from 'ipaddr.js';

/** A block of IP addresses. */
export interface Network {
  /** The first address of the block, in canonical form. */
  readonly first: string;
  /** The prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly bits: number;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * Returns the canonical form of an IP address, or `undefined` if `text` is not an IP address. IPv4 is written as four decimal
 * numbers, IPv6 as in RFC 5952, and an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) as the IPv4 address it contains.
 *
 * Other IPv4 notations that some resolvers accept (`10.1`, `0x7f.1`, `2130706433`, leading zeros) are not accepted. Addresses
 * with a zone (`fe80::1%eth0`) are not accepted either, because the meaning of a zone depends on the machine.
 */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString();
}

/** Parses `10.0.0.0/8` or `fd00::/8` and clears the host bits. Returns `undefined` for any other form. */
export function parseNetwork(text: string): Network | undefined {
  const [, base = '', digits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parse(base);
  if (address === undefined) return undefined;
  // The prefix length of an IPv4-mapped block counts from the start of the IPv6 address.
  const bits = Number(digits) - (base.includes(':') && address.kind() === 'ipv4' ? 96 : 0);
  if (bits < 0 || bits > width(address)) return undefined;
  return { first: mask(address, bits).toString(), bits };
}

/** Reports whether the network contains `address`, which must be in canonical form. */
export function networkHolds(network: Network, address: string): boolean {
  const [parsed, first] = [parse(address), parse(network.first)];
  return parsed !== undefined && first !== undefined && contains(first, network.bits, parsed);
}

/** Returns the network that contains only `address`, which must be in canonical form. */
export function networkOf(address: string): Network {
  return { first: address, bits: address.includes(':') ? 128 : 32 };
}

/**
 * Special addresses, which general rules do not allow. A gateway that connected to them at a client's request would expose
 * its own loopback services and the credentials of its cloud metadata service, so they need an explicit rule.
 */
const SPECIAL: readonly (readonly [block: string, name: string])[] = [
  ['0.0.0.0/8', 'unspecified'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.169.254/32', 'cloud metadata'],
  ['169.254.0.0/16', 'link-local'],
  ['100.100.100.200/32', 'cloud metadata'], // Alibaba Cloud
  ['168.63.129.16/32', 'cloud metadata'], // Azure WireServer
  ['192.0.0.192/32', 'cloud metadata'], // Oracle Cloud
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved or broadcast'],
  ['::1/128', 'loopback'],
  ['::/128', 'unspecified'],
  ['::/96', 'IPv4-compatible'], // deprecated by RFC 4291; some systems still send to the IPv4 address
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
  ['fd00:ec2::/32', 'cloud metadata'], // Amazon: fd00:ec2::254 and others
  ['fd20:ce::254/128', 'cloud metadata'], // Google Cloud
  ['fd00:42::42/128', 'cloud metadata'], // Scaleway
];

/** IPv6 blocks that embed an IPv4 address, starting at bit `at`. A translator forwards the traffic to that IPv4 address. */
const TRANSLATED: readonly (readonly [block: string, at: number])[] = [
  ['64:ff9b::/96', 96], // NAT64, RFC 6052
  ['64:ff9b:1::/96', 96], // NAT64 for local use, RFC 8215
  ['::ffff:0:0:0/96', 96], // SIIT, RFC 2765
  ['2002::/16', 16], // 6to4, RFC 3056
];

const SPECIAL_BLOCKS = SPECIAL.map(([block, name]) => ({ ...blockOf(block), name }));
const TRANSLATED_BLOCKS = TRANSLATED.map(([block, at]) => ({ ...blockOf(block), at }));

/**
 * Returns the name of the special range (`loopback`, `cloud metadata`) that contains every address of the network, or
 * `undefined` if there is none.
 */
export function specialRange(network: Network): string | undefined {
  const first = parse(network.first);
  if (first === undefined) return 'unreadable';
  for (const block of SPECIAL_BLOCKS) {
    if (network.bits >= block.bits && contains(block.first, block.bits, first)) return block.name;
  }
  for (const block of TRANSLATED_BLOCKS) {
    if (network.bits < block.at || !contains(block.first, block.bits, first)) continue;
    const embedded = first.toByteArray().slice(block.at / 8, block.at / 8 + 4);
    const name = specialRange({ first: embedded.join('.'), bits: Math.min(32, network.bits - block.at) });
    if (name !== undefined) return name;
  }
  return undefined;
}

function parse(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  // The dotted part of ::ffff:1.2.3.4 must be four plain decimal numbers too.
  const tail = /^[0-9a-f:]*:(?<dotted>[^:]*\.[^:]*)$/i.exec(text)?.groups?.dotted;
  if (tail !== undefined && !ipaddr.IPv4.isValidFourPartDecimal(tail)) return undefined;
  if (!/^[0-9a-f:.]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function width(address: Address): 32 | 128 {
  return address.kind() === 'ipv4' ? 32 : 128;
}

function contains(first: Address, bits: number, address: Address): boolean {
  return first.kind() === address.kind() && mask(address, bits).toString() === first.toString();
}

function mask(address: Address, bits: number): Address {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.max(0, Math.min(8, bits - index * 8));
    return byte & (0xff00 >> kept) & 0xff;
  });
  return ipaddr.fromByteArray(bytes);
}

function blockOf(text: string): { first: Address; bits: number } {
  const [base = '', bits = ''] = text.split('/');
  return { first: ipaddr.parse(base), bits: Number(bits) };
}
