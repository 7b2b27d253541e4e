/** The addresses of trusted proxies. */
import { BlockList, isIPv4 } from 'node:net';
import { formatNetwork, networkOf, parseNetwork, readAddress } from '../policy/address.js';

/** Reports whether an IP address in canonical form is that of a trusted proxy. */
export type TrustedProxies = (address: string) => boolean;

/** @param entries the setting `trustedProxies`: addresses and CIDR blocks */
export function trustedProxies(entries: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const entry of entries) {
    const address = readAddress(entry);
    const network = address === undefined ? parseNetwork(entry) : networkOf(address.words);
    if (network === undefined) throw new Error(`${entry} is neither an address nor a CIDR block`);
    const [first = ''] = formatNetwork(network).split('/');
    list.addSubnet(first, network.bits, familyOf(first));
  }
  return (address) => list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}
