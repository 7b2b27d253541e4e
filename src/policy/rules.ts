import { Fault } from '../fault.js';
import { canonicalAddress, type Network, networkHolds, networkOf, parseNetwork, specialRange } from './address.js';
import { quote } from './printable.js';
import { normalizeHost, parsePort, RDP_PORT, type Target } from './target.js';

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
  | { readonly kind: 'network'; readonly network: Network; readonly special: boolean }
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
  if (canonicalAddress(host) === undefined) return { text, ports, kind: 'name', host };
  const network = networkOf(host);
  return { text, ports, kind: 'network', network, special: specialRange(network) !== undefined };
}

/** Reports whether the rule matches the target by its host and port alone, without a lookup of the name. */
export function matchesName(rule: Rule, target: Target): boolean {
  if (target.port < rule.ports.first || target.port > rule.ports.last) return false;
  switch (rule.kind) {
    case 'any':
      return true;
    case 'name':
      return rule.host === target.host;
    case 'glob':
      return matchesGlob(rule, target.host);
    case 'network':
      return networkHolds(rule.network, target.host);
  }
}

/** Reports whether the rule allows the target at `address`, which is canonical. If the target is an address, both are the same. */
export function matchRule(rule: Rule, target: Target, address: string): boolean {
  const special = specialRange(networkOf(address)) !== undefined;
  if (rule.kind === 'network') {
    const inPorts = target.port >= rule.ports.first && target.port <= rule.ports.last;
    return inPorts && networkHolds(rule.network, address) && (!special || rule.special);
  }
  return matchesName(rule, target) && (!special || (rule.kind === 'name' && isLocalhost(rule.host, address)));
}

/**
 * Reports whether the name is `localhost` or below it, and the address, which is canonical, is a loopback address. RFC 6761
 * section 6.3: these names always mean a loopback address, whatever the resolver.
 */
export function isLocalhost(host: string, address: string): boolean {
  return /(?:^|\.)localhost$/.test(host) && specialRange(networkOf(address)) === 'loopback';
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

function parseBlock(text: string): { kind: 'network'; network: Network; special: boolean } {
  const network = parseNetwork(text);
  if (network === undefined)
    throw invalid(`${quote(text)} is not a block of addresses`, 'write 192.168.0.0/24 or fd00::/8');
  const written = canonicalAddress(text.slice(0, text.indexOf('/')));
  if (written !== network.first) {
    throw invalid(`${quote(text)} has bits set beyond its prefix`, `write ${network.first}/${network.bits}`);
  }
  return { kind: 'network', network, special: specialRange(network) !== undefined };
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

function matchesGlob(rule: { labels: readonly string[]; below: boolean }, host: string): boolean {
  if (canonicalAddress(host) !== undefined) return false;
  const labels = host.split('.');
  const extra = labels.length - rule.labels.length;
  if (rule.below ? extra < 1 : extra !== 0) return false;
  return rule.labels.every((pattern, index) => matchesLabel(pattern, labels[index + extra] ?? ''));
}

/** A star matches any run of characters, including an empty one. Greedy from left to right, so it never backtracks. */
function matchesLabel(pattern: string, label: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === label;
  if (label.length < head.length + tail.length || !label.startsWith(head) || !label.endsWith(tail)) return false;
  const end = label.length - tail.length;
  let at = head.length;
  for (const part of rest) {
    const found = label.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

function invalid(message: string, hint = 'a rule is a host, a CIDR block or a glob, then optionally :PORTS'): Fault {
  return new Fault({ kind: 'input', code: 'RULE_INVALID', message, hint });
}
