/** The addresses written to the file: both of one family, with a documentation address in place of a host name. */
import ipaddr from 'ipaddr.js';
import type { Endpoint } from '../types.js';
import type { Ends, WrittenEndpoint } from './packet.js';

/** Host names that get an address of their own, from 192.0.2.0/24 (RFC 5737). Further names share the last one. */
export const MAX_PLACEHOLDERS = 254;

/** The first port given to clients whose port is unknown. */
const FIRST_EPHEMERAL = 49_152;
/** Number of such ports. */
const EPHEMERAL = 16_384;

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export class Addresses {
  readonly #placeholders = new Map<string, string>();

  get placeholders(): ReadonlyMap<string, string> {
    return this.#placeholders;
  }

  /** The endpoints to write for a conversation. Its `number` determines the port of a client without one. */
  assign(client: Endpoint, target: Endpoint, number: number): { readonly ends: Ends; readonly placeholder: boolean } {
    const to = parse(target.address);
    const from = parse(client.address) ?? ipaddr.parse(UNKNOWN_CLIENT);
    const [source, destination] = toSameFamily(from, to ?? ipaddr.parse(this.#placeholder(target.address)));
    const port = client.port || FIRST_EPHEMERAL + (number % EPHEMERAL);
    const ends = { client: endpoint(source, port), target: endpoint(destination, target.port) };
    return { ends, placeholder: to === undefined };
  }

  #placeholder(name: string): string {
    const known = this.#placeholders.get(name);
    if (known !== undefined) return known;
    const address = `192.0.2.${Math.min(this.#placeholders.size + 1, MAX_PLACEHOLDERS)}`;
    if (this.#placeholders.size < MAX_PLACEHOLDERS) this.#placeholders.set(name, address);
    return address;
  }
}

/** From TEST-NET-2 (RFC 5737), so that it differs from the placeholders of targets. */
const UNKNOWN_CLIENT = '198.51.100.1';

/** Undefined for a host name. IPv4 in other notations than four decimal parts counts as a host name. */
function parse(text: string): Address | undefined {
  const [address = ''] = text.replace(/^\[(.*)\]$/, '$1').split('%', 1);
  return ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
    ? ipaddr.parse(address)
    : undefined;
}

/** Converts IPv4 to IPv6 if the other is IPv6: a placeholder to 2001:db8::/32, an address to the IPv4-mapped form. */
function toSameFamily(first: Address, second: Address): [Address, Address] {
  if (first.kind() === second.kind()) return [first, second];
  return [toIpv6(first), toIpv6(second)];
}

function toIpv6(address: Address): Address {
  if (!(address instanceof ipaddr.IPv4)) return address;
  const [first, second, third, last] = address.toByteArray();
  const isPlaceholder = first === 192 && second === 0 && third === 2;
  return isPlaceholder ? ipaddr.parse(`2001:db8::${last?.toString(16)}`) : address.toIPv4MappedAddress();
}

function endpoint(address: Address, port: number): WrittenEndpoint {
  return { address: address.toString(), port: port & 0xffff, bytes: Buffer.from(address.toByteArray()) };
}
