/** Which addresses stand in the file: both of one family, and for a host name one that belongs to nobody. */
import ipaddr from 'ipaddr.js';
import type { Endpoint } from '../types.js';
import type { Ends, WrittenEndpoint } from './packet.js';

/** Host names with an address of their own: those of 192.0.2.0/24. Further names share the last. */
export const MAX_PLACEHOLDERS = 254;

/** Where ports of clients begin that the capture does not tell. */
const FIRST_EPHEMERAL = 49_152;
const EPHEMERAL = 16_384;

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export class Addresses {
  readonly #placeholders = new Map<string, string>();

  get placeholders(): ReadonlyMap<string, string> {
    return this.#placeholders;
  }

  /** Both ends as they are written. `number` makes a port for a client without one. */
  place(client: Endpoint, target: Endpoint, number: number): { readonly ends: Ends; readonly placeholder: boolean } {
    const to = parse(target.address);
    const from = parse(client.address) ?? ipaddr.parse(UNKNOWN_CLIENT);
    const [one, two] = alike(from, to ?? ipaddr.parse(this.#placeholder(target.address)));
    const port = client.port || FIRST_EPHEMERAL + (number % EPHEMERAL);
    return { ends: { client: endpoint(one, port), target: endpoint(two, target.port) }, placeholder: to === undefined };
  }

  #placeholder(name: string): string {
    const known = this.#placeholders.get(name);
    if (known !== undefined) return known;
    const address = `192.0.2.${Math.min(this.#placeholders.size + 1, MAX_PLACEHOLDERS)}`;
    if (this.#placeholders.size < MAX_PLACEHOLDERS) this.#placeholders.set(name, address);
    return address;
  }
}

/** TEST-NET-2, apart from the placeholders of targets. */
const UNKNOWN_CLIENT = '198.51.100.1';

/** Nothing for what is a host name; the odd notations of IPv4 are names here. */
function parse(text: string): Address | undefined {
  const [address = ''] = text.replace(/^\[(.*)\]$/, '$1').split('%', 1);
  return ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
    ? ipaddr.parse(address)
    : undefined;
}

/** IPv4 beside IPv6 becomes IPv6: a placeholder its documentation prefix, an address the mapped form. */
function alike(one: Address, two: Address): [Address, Address] {
  if (one.kind() === two.kind()) return [one, two];
  return [widen(one), widen(two)];
}

function widen(address: Address): Address {
  if (!(address instanceof ipaddr.IPv4)) return address;
  const [first, second, third, last] = address.toByteArray();
  const isPlaceholder = first === 192 && second === 0 && third === 2;
  return isPlaceholder ? ipaddr.parse(`2001:db8::${last?.toString(16)}`) : address.toIPv4MappedAddress();
}

function endpoint(address: Address, port: number): WrittenEndpoint {
  return { address: address.toString(), port: port & 0xffff, bytes: Buffer.from(address.toByteArray()) };
}
