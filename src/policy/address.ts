import ipaddr from 'ipaddr.js';

/** The value of an IP address as unsigned 32-bit words, the most significant first: one for IPv4, four for IPv6. */
export type Words = readonly number[];

/** An IP address. It is parsed once, because a decision may compare it with a thousand rules. */
export interface Address {
  /** The canonical form, see `canonicalAddress`. */
  readonly text: string;
  readonly words: Words;
  /** The name of the special range that contains the address (`loopback`, `cloud metadata`), if any. */
  readonly special: string | undefined;
}

/** A block of IP addresses. */
export interface Network {
  /** The first address of the block. */
  readonly words: Words;
  /** The prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly bits: number;
}

/** The longest text of an address, an IPv4-mapped one with all digits: 45 characters. */
const TEXT_MAX = 45;

/**
 * Parses an IP address. Returns `undefined` if `text` is not an IP address.
 *
 * Other IPv4 notations that some resolvers accept (`10.1`, `0x7f.1`, `2130706433`, leading zeros) are not accepted. Addresses
 * with a zone (`fe80::1%eth0`) are not accepted either, because the meaning of a zone depends on the machine.
 */
export function readAddress(text: string): Address | undefined {
  const parsed = parse(text);
  if (parsed === undefined) return undefined;
  const words = wordsOf(parsed);
  return { text: parsed.toString(), words, special: specialRange(networkOf(words)) };
}

/**
 * Returns the canonical form of an IP address, or `undefined` if `text` is not an IP address. IPv4 is written as four decimal
 * numbers, IPv6 as in RFC 5952, and an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) as the IPv4 address it contains. The
 * notations that `readAddress` rejects are no IP addresses.
 */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString();
}

/** Parses `10.0.0.0/8` or `fd00::/8`. Returns `undefined` for any other form. Bits beyond the prefix are kept. */
export function parseNetwork(text: string): Network | undefined {
  const [, base = '', digits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = parse(base);
  if (address === undefined) return undefined;
  const words = wordsOf(address);
  // The prefix length of an IPv4-mapped block counts from the start of the IPv6 address.
  const bits = Number(digits) - (base.includes(':') && words.length === 1 ? 96 : 0);
  return bits < 0 || bits > words.length * 32 ? undefined : { words, bits };
}

/** Formats `10.0.0.0/8`. */
export function formatNetwork({ words, bits }: Network): string {
  const bytes = words.flatMap((word) => [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]);
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`;
}

/** Returns the network that contains only one address. */
export function networkOf(words: Words): Network {
  return { words, bits: words.length * 32 };
}

/** Returns the words with every bit after the first `bits` cleared. */
export function maskWords(words: Words, bits: number): Words {
  return words.map((word, index) => (word & maskOf(bits - index * 32)) >>> 0);
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

const SPECIAL_BLOCKS = SPECIAL.map(([block, name]) => ({ block: blockOf(block), name }));
const TRANSLATED_BLOCKS = TRANSLATED.map(([block, at]) => ({ block: blockOf(block), at }));

/**
 * Returns the name of the special range (`loopback`, `cloud metadata`) that contains every address of the network, or
 * `undefined` if there is none.
 */
export function specialRange({ words, bits }: Network): string | undefined {
  for (const { block, name } of SPECIAL_BLOCKS) {
    if (bits >= block.bits && contains(block, words)) return name;
  }
  for (const { block, at } of TRANSLATED_BLOCKS) {
    if (bits < at || !contains(block, words)) continue;
    const name = specialRange({ words: [bitsFrom(words, at)], bits: Math.min(32, bits - at) });
    if (name !== undefined) return name;
  }
  return undefined;
}

function contains({ words, bits }: Network, address: Words): boolean {
  if (words.length !== address.length) return false;
  return words.every((word, index) => ((word ^ (address[index] as number)) & maskOf(bits - index * 32)) === 0);
}

/** The mask of one word whose first `bits` bits count. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** The 32 bits that start at bit `at`, a multiple of 16. */
function bitsFrom(words: Words, at: number): number {
  const [word = 0, next = 0] = words.slice(at >>> 5);
  return at % 32 === 0 ? word : ((word << 16) | (next >>> 16)) >>> 0;
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (text.length > TEXT_MAX) return undefined;
  if (!text.includes(':')) return isDotted(text) ? ipaddr.IPv4.parse(text) : undefined;
  // The dotted part of ::ffff:1.2.3.4 must be four plain decimal numbers too.
  const tail = /^[0-9a-f:]*:(?<dotted>[^:]*\.[^:]*)$/i.exec(text)?.groups?.dotted;
  if (tail !== undefined && !isDotted(tail)) return undefined;
  if (!/^[0-9a-f:.]+$/i.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** The expression first: for a name the library throws and catches an error, which takes 40 times as long as the rest. */
function isDotted(text: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text) && ipaddr.IPv4.isValidFourPartDecimal(text);
}

function wordsOf(address: ipaddr.IPv4 | ipaddr.IPv6): Words {
  const bytes = Buffer.from(address.toByteArray());
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32BE(index * 4));
}

function blockOf(text: string): Network {
  const block = parseNetwork(text);
  if (block === undefined) throw new Error(`${text} is not a block`);
  return block;
}
