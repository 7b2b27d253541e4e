import { Fault } from '../fault.js';
import { formatNetwork, maskWords, type Network, networkOf, parseNetwork, readAddress } from './address.js';
import { quote } from './printable.js';
import { normalizeHost, parsePort, RDP_PORT } from './target.js';

/**
 * One allow rule: `HOST`, `CIDR` or `GLOB`, optionally followed by `:PORTS`. The default port is 3389.
 *
 *     desk.corp.example         this name, port 3389, with every address it resolves to, except special ones
 *     192.168.0.0/24            these addresses, and every name that resolves to one of them
 *     [fd00:1::/64]:3389        IPv6 needs brackets if ports follow
 *     *.corp.example:3389-3399  names below corp.example, with any number of labels; a range of ports
 *     pc-*.corp.example:*       elsewhere a star matches within one label; every port
 *     *                         every name and every address, except special ones
 *
 * A special address (loopback, link-local, cloud metadata, multicast …) is allowed only by an explicit rule: the address
 * itself, a block inside the special range, or `localhost`. A rule for any other name does not allow it, because the owner of
 * the name controls what it resolves to.
 */
export type Rule = {
  /** The rule as written in the configuration. */
  readonly text: string;
  readonly ports: PortRange;
} & (
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly host: string }
  | { readonly kind: 'glob'; readonly labels: readonly string[]; readonly below: boolean }
  | { readonly kind: 'network'; readonly network: Network }
);

/** An inclusive range of ports. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Parses one rule. Throws a `Fault` of kind `input`: `RULE_INVALID`, or `TARGET_INVALID` for an invalid name or port. */
export function parseRule(text: string): Rule {
  const { subject, portText } = split(text);
  const ports = parsePorts(portText);
  if (subject === '*') return { text, ports, kind: 'any' };
  if (subject.includes('/')) return { text, ports, ...parseBlock(subject) };
  if (subject.includes('*')) return { text, ports, ...parseGlob(subject) };
  const host = normalizeHost(subject);
  const address = readAddress(host);
  if (address === undefined) return { text, ports, kind: 'name', host };
  return { text, ports, kind: 'network', network: networkOf(address.words) };
}

function split(text: string): { subject: string; portText: string | undefined } {
  const bracketed = /^\[([^[\]]*)\](\/\d+)?(?::([^:]*))?$/.exec(text);
  if (bracketed !== null) {
    const subject = `${bracketed[1]}${bracketed[2] ?? ''}`;
    if (!subject.includes(':'))
      throw invalid(`${quote(text)} has brackets around something that is not an IPv6 address`);
    return { subject, portText: bracketed[3] };
  }
  const colons = text.split(':').length - 1;
  if (colons > 1) return { subject: text, portText: undefined };
  const [subject = '', portText] = text.split(':');
  return { subject, portText };
}

function parsePorts(text: string | undefined): PortRange {
  if (text === undefined) return { first: RDP_PORT, last: RDP_PORT };
  if (text === '*') return { first: 1, last: 65535 };
  const [low = '', high = low, ...more] = text.split('-');
  const range = { first: parsePort(low), last: parsePort(high) };
  if (more.length > 0 || range.first > range.last)
    throw invalid(`${quote(text)} is not a range of ports`, 'write 3389, 3389-3399 or *');
  return range;
}

function parseBlock(text: string): { kind: 'network'; network: Network } {
  const network = parseNetwork(text);
  if (network === undefined)
    throw invalid(`${quote(text)} is not a block of addresses`, 'write 192.168.0.0/24 or fd00::/8');
  const words = maskWords(network.words, network.bits);
  if (words.some((word, index) => word !== network.words[index])) {
    throw invalid(
      `${quote(text)} has bits set beyond its prefix`,
      `write ${formatNetwork({ words, bits: network.bits })}`,
    );
  }
  return { kind: 'network', network };
}

function parseGlob(text: string): { kind: 'glob'; labels: readonly string[]; below: boolean } {
  const below = text.startsWith('*.');
  const body = below ? text.slice(2) : text;
  if (/^[\d.*]+$/.test(body)) throw invalid(`${quote(text)} has a star in an address`, 'write a block: 192.168.0.0/16');
  // Replaces each star with a letter to check whether the rest is a valid name.
  const host = normalizeHost(body.replaceAll('*', 'x'));
  const labels = body.includes('*') ? body.toLowerCase().replace(/\.$/, '').split('.') : host.split('.');
  return { kind: 'glob', labels, below };
}

function invalid(message: string, hint = 'a rule is a host, a CIDR block or a glob, then optionally :PORTS'): Fault {
  return new Fault({ kind: 'input', code: 'RULE_INVALID', message, hint });
}
