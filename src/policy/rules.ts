import { Fault } from '../fault.js';
import { canonicalAddress, type Network, networkHolds, networkOf, parseNetwork, specialRange } from './address.js';
import { quote } from './printable.js';
import { normalizeHost, parsePort, RDP_PORT, type Target } from './target.js';

/**
 * One allow rule, `HOST`, `CIDR` or `GLOB`, then optionally `:PORTS`.
 *
 *     desk.corp.example         this name, port 3389, whatever address it resolves to, except the special ones
 *     192.168.0.0/24            these addresses, and every name that resolves to one of them
 *     [fd00:1::/64]:3389        IPv6 takes brackets when ports follow
 *     *.corp.example:3389-3399  names below corp.example, any number of labels; a range of ports
 *     pc-*.corp.example:*       elsewhere a star stays within its label; every port
 *     *                         every name and every address, except the special ones
 *
 * A special address (loopback, link-local, metadata, see `specialRange`) is allowed only by a rule that means it: its own
 * address, a block that lies inside the special range, or `localhost`. Any other name may resolve to what its owner likes.
 */
export type Rule = {
  /** As it was written. */
  readonly text: string;
  readonly ports: PortRange;
} & (
  | { readonly kind: 'any' }
  | { readonly kind: 'name'; readonly host: string }
  | { readonly kind: 'glob'; readonly labels: readonly string[]; readonly below: boolean }
  | { readonly kind: 'network'; readonly network: Network; readonly special: boolean }
);

/** First and last port, both allowed. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Reads one rule. Throws a `Fault` of kind `input` (`RULE_INVALID`, or `TARGET_INVALID` for a bad name or port). */
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

/** Whether the rule speaks of this target by name (or of everything), so that it can be judged before any look-up. */
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

/** Whether the rule allows this target at this address. `address` is canonical; for a target that is an address, the same. */
export function matchRule(rule: Rule, target: Target, address: string): boolean {
  const special = specialRange(networkOf(address)) !== undefined;
  if (rule.kind === 'network') {
    const inPorts = target.port >= rule.ports.first && target.port <= rule.ports.last;
    return inPorts && networkHolds(rule.network, address) && (!special || rule.special);
  }
  return matchesName(rule, target) && (!special || (rule.kind === 'name' && isLocalhost(rule.host, address)));
}

/** RFC 6761 section 6.3: these names are loopback, whoever is asked. */
function isLocalhost(host: string, address: string): boolean {
  return /(?:^|\.)localhost$/.test(host) && specialRange(networkOf(address)) === 'loopback';
}

function split(text: string): { subject: string; portText: string | undefined } {
  const bracketed = /^\[([^[\]]*)\](\/\d+)?(?::([^:]*))?$/.exec(text);
  if (bracketed !== null) {
    const subject = `${bracketed[1]}${bracketed[2] ?? ''}`;
    if (!subject.includes(':')) throw invalid(`${quote(text)} has brackets around something that is not IPv6`);
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
  if (more.length > 0 || range.first > range.last) throw invalid(`${quote(text)} is not a range of ports`);
  return range;
}

function parseBlock(text: string): { kind: 'network'; network: Network; special: boolean } {
  const network = parseNetwork(text);
  if (network === undefined)
    throw invalid(`${quote(text)} is not a block of addresses`, 'write 192.168.0.0/24 or fd00::/8');
  const written = canonicalAddress(text.slice(0, text.indexOf('/')));
  if (written !== network.first) {
    throw invalid(`${quote(text)} has bits set behind its prefix`, `write ${network.first}/${network.bits}`);
  }
  return { kind: 'network', network, special: specialRange(network) !== undefined };
}

function parseGlob(text: string): { kind: 'glob'; labels: readonly string[]; below: boolean } {
  const below = text.startsWith('*.');
  const body = below ? text.slice(2) : text;
  if (/^[\d.*]+$/.test(body))
    throw invalid(`${quote(text)} matches names, not addresses`, 'write a block: 192.168.0.0/16');
  // A letter in the place of every star shows whether the rest is a name.
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

/** A star stands for any run of characters, also an empty one. Greedy from left to right: linear, whatever the pattern. */
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
