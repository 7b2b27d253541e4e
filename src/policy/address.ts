import ipaddr from 'ipaddr.js';

/** A block of addresses: its first address in canonical form, and how many leading bits are fixed. */
export interface Network {
  readonly first: string;
  readonly bits: number;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * The one spelling of an IP address, or nothing when `text` is not one: IPv4 as four decimal numbers, IPv6 as in RFC 5952,
 * an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) as the IPv4 address it means.
 *
 * The odd IPv4 notations that some resolvers take (`10.1`, `0x7f.1`, `2130706433`, leading zeros) are not addresses here,
 * and an address with a zone (`fe80::1%eth0`) is not one either: what a zone means depends on the machine.
 */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString();
}

/** Reads `10.0.0.0/8` or `fd00::/8`. Nothing when it is not of that form; the first address has its host bits cleared. */
export function parseNetwork(text: string): Network | undefined {
  const [, base = '', digits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parse(base);
  if (address === undefined) return undefined;
  // A block of IPv4-mapped addresses counts its bits from the start of the IPv6 address.
  const bits = Number(digits) - (base.includes(':') && address.kind() === 'ipv4' ? 96 : 0);
  if (bits < 0 || bits > width(address)) return undefined;
  return { first: mask(address, bits).toString(), bits };
}

/** Whether the canonical address lies in the network. */
export function networkHolds(network: Network, address: string): boolean {
  const [inner, first] = [parse(address), parse(network.first)];
  return inner !== undefined && first !== undefined && holds(first, network.bits, inner);
}

/** A single address as a network. */
export function networkOf(address: string): Network {
  return { first: address, bits: address.includes(':') ? 128 : 32 };
}

/**
 * Addresses that are never somebody's desktop by accident. A gateway that reaches them on a client's word hands out its own
 * loopback services and its cloud credentials, so they need a rule that means them.
 */
const SPECIAL: readonly (readonly [block: string, name: string])[] = [
  ['0.0.0.0/8', 'unspecified'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.169.254/32', 'cloud metadata'],
  ['169.254.0.0/16', 'link-local'],
  ['100.100.100.200/32', 'cloud metadata'], // Alibaba Cloud
  ['168.63.129.16/32', 'cloud metadata'], // Azure's wire server
  ['192.0.0.192/32', 'cloud metadata'], // Oracle Cloud
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved or broadcast'],
  ['::1/128', 'loopback'],
  ['::/128', 'unspecified'],
  ['::/96', 'IPv4-compatible'], // deprecated by RFC 4291; some systems deliver it to the IPv4 address
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'site-local'],
  ['ff00::/8', 'multicast'],
  ['fd00:ec2::/32', 'cloud metadata'], // Amazon: fd00:ec2::254 and its neighbours
  ['fd20:ce::254/128', 'cloud metadata'], // Google Cloud
  ['fd00:42::42/128', 'cloud metadata'], // Scaleway
];

/** Blocks of IPv6 addresses that carry an IPv4 address from the given bit on: a translator delivers there. */
const TRANSLATED: readonly (readonly [block: string, at: number])[] = [
  ['64:ff9b::/96', 96], // NAT64, RFC 6052
  ['64:ff9b:1::/96', 96], // NAT64 for local use, RFC 8215
  ['::ffff:0:0:0/96', 96], // SIIT, RFC 2765
  ['2002::/16', 16], // 6to4, RFC 3056
];

const SPECIAL_BLOCKS = SPECIAL.map(([block, name]) => ({ ...blockOf(block), name }));
const TRANSLATED_BLOCKS = TRANSLATED.map(([block, at]) => ({ ...blockOf(block), at }));

/** What makes every address of this network special (`loopback`, `cloud metadata`), or nothing. */
export function specialRange(network: Network): string | undefined {
  const first = parse(network.first);
  if (first === undefined) return 'unreadable';
  for (const block of SPECIAL_BLOCKS) {
    if (network.bits >= block.bits && holds(block.first, block.bits, first)) return block.name;
  }
  for (const block of TRANSLATED_BLOCKS) {
    if (network.bits < block.at || !holds(block.first, block.bits, first)) continue;
    const inner = first.toByteArray().slice(block.at / 8, block.at / 8 + 4);
    const name = specialRange({ first: inner.join('.'), bits: Math.min(32, network.bits - block.at) });
    if (name !== undefined) return name;
  }
  return undefined;
}

function parse(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  // The tail of ::ffff:1.2.3.4 is held to the same strictness as an address of its own.
  const tail = /^[0-9a-f:]*:(?<dotted>[^:]*\.[^:]*)$/i.exec(text)?.groups?.dotted;
  if (tail !== undefined && !ipaddr.IPv4.isValidFourPartDecimal(tail)) return undefined;
  if (!/^[0-9a-f:.]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function width(address: Address): 32 | 128 {
  return address.kind() === 'ipv4' ? 32 : 128;
}

function holds(first: Address, bits: number, inner: Address): boolean {
  return first.kind() === inner.kind() && mask(inner, bits).toString() === first.toString();
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
