import { type Address, maskWords, type Network, specialRange, type Words } from './address.js';
import type { PortRange, Rule } from './rules.js';
import type { Target } from './target.js';

/** What the rules say about one target. */
export interface RuleDecision {
  /** Whether a rule matches the host and port as they are, without a lookup of the name. */
  readonly byHost: boolean;
  /** Whether the addresses of a name can decide: some rule for addresses has the port. */
  readonly byAddress: boolean;
  /** Reports whether the rules allow the target at one of its addresses. */
  allows(address: Address): boolean;
}

/**
 * The allow rules, indexed. A client may request 53 names at once, each with several addresses, and there may be a thousand
 * rules, so a decision reads only the rules that have the name, one of its suffixes, or one of the prefixes of its address. Only
 * patterns with a star within a label are tried one by one.
 */
export class RuleSet {
  readonly #any: PortRange[] = [];
  readonly #names = new Map<string, PortRange[]>();
  /** Rules `*.SUFFIX`, by suffix. */
  readonly #below = new Map<string, PortRange[]>();
  readonly #globs: Glob[] = [];
  readonly #networks = new Networks();

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) this.#add(rule);
  }

  #add(rule: Rule): void {
    switch (rule.kind) {
      case 'any':
        this.#any.push(rule.ports);
        return;
      case 'name':
        return push(this.#names, rule.host, rule.ports);
      case 'network':
        return this.#networks.add(rule.network, rule.ports);
      case 'glob': {
        const { labels, below, ports } = rule;
        if (below && !labels.some((label) => label.includes('*'))) return push(this.#below, labels.join('.'), ports);
        this.#globs.push({ labels: labels.map((label) => label.split('*')), below, ports });
      }
    }
  }

  /** Decides about a target in canonical form. `address` is its host, if that is an address. */
  decide({ host, port }: Target, address: Address | undefined): RuleDecision {
    const networks = this.#networks;
    const exact = hasPort(this.#names.get(host), port);
    const general =
      exact ||
      hasPort(this.#any, port) ||
      (address === undefined && (this.#isBelow(host, port) || this.#matches(host, port)));
    return {
      byHost: general || (address !== undefined && networks.contains(address, port)),
      byAddress: networks.hasPort(port),
      allows: (found) =>
        (general && (found.special === undefined || (exact && isLocalhost(host, found)))) ||
        networks.allows(found, port),
    };
  }

  #isBelow(host: string, port: number): boolean {
    if (this.#below.size === 0) return false;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      if (hasPort(this.#below.get(host.slice(dot + 1)), port)) return true;
    }
    return false;
  }

  #matches(host: string, port: number): boolean {
    const labels = host.split('.');
    return this.#globs.some((glob) => hasPort([glob.ports], port) && matchesGlob(glob, labels));
  }
}

/**
 * Reports whether the name is `localhost` or below it, and the address is a loopback address. RFC 6761 section 6.3: these names
 * always mean a loopback address, whatever the resolver.
 */
export function isLocalhost(host: string, address: Address): boolean {
  return address.special === 'loopback' && /(?:^|\.)localhost$/.test(host);
}

/** The blocks of one prefix length, by their first address. */
type Blocks = Map<string, { readonly ports: PortRange[]; readonly special: boolean }>;

/** The rules for addresses: one lookup for each prefix length that occurs, at most 129. */
class Networks {
  readonly #ipv4 = new Map<number, Blocks>();
  readonly #ipv6 = new Map<number, Blocks>();
  readonly #ports: PortRange[] = [];

  add(network: Network, ports: PortRange): void {
    const lengths = this.#lengths(network.words);
    const blocks: Blocks = lengths.get(network.bits) ?? new Map();
    lengths.set(network.bits, blocks);
    const key = prefixOf(network.words, network.bits);
    const block = blocks.get(key) ?? { ports: [], special: specialRange(network) !== undefined };
    blocks.set(key, block);
    block.ports.push(ports);
    this.#ports.push(ports);
  }

  hasPort(port: number): boolean {
    return hasPort(this.#ports, port);
  }

  /** Reports whether a block contains the address, be it special or not. */
  contains(address: Address, port: number): boolean {
    return this.#some(address, port, false);
  }

  /** Reports whether a block allows the address. A special address needs a block inside its special range. */
  allows(address: Address, port: number): boolean {
    return this.#some(address, port, address.special !== undefined);
  }

  #some({ words }: Address, port: number, onlySpecial: boolean): boolean {
    for (const [bits, blocks] of this.#lengths(words)) {
      const block = blocks.get(prefixOf(words, bits));
      if (block !== undefined && (block.special || !onlySpecial) && hasPort(block.ports, port)) return true;
    }
    return false;
  }

  #lengths(words: Words): Map<number, Blocks> {
    return words.length === 1 ? this.#ipv4 : this.#ipv6;
  }
}

function prefixOf(words: Words, bits: number): string {
  return maskWords(words, bits).join();
}

function push(table: Map<string, PortRange[]>, key: string, ports: PortRange): void {
  const found = table.get(key);
  if (found === undefined) table.set(key, [ports]);
  else found.push(ports);
}

function hasPort(ranges: readonly PortRange[] | undefined, port: number): boolean {
  return ranges?.some(({ first, last }) => port >= first && port <= last) ?? false;
}

/** A rule with a star within a label. Each label is split at its stars. */
interface Glob {
  readonly labels: readonly (readonly string[])[];
  /** Whether the rule begins with `*.`, which stands for one label or more. */
  readonly below: boolean;
  readonly ports: PortRange;
}

function matchesGlob({ labels, below }: Glob, host: readonly string[]): boolean {
  const extra = host.length - labels.length;
  if (below ? extra < 1 : extra !== 0) return false;
  // From the last label: rules of one site usually differ there from a foreign name.
  for (let index = labels.length - 1; index >= 0; index--) {
    if (!matchesLabel(labels[index] ?? [], host[index + extra] ?? '')) return false;
  }
  return true;
}

/** A star matches any run of characters, including an empty one. Greedy from left to right, so it never backtracks. */
function matchesLabel(parts: readonly string[], label: string): boolean {
  const [head = ''] = parts;
  if (parts.length === 1) return head === label;
  const tail = parts[parts.length - 1] ?? '';
  if (label.length < head.length + tail.length || !label.startsWith(head) || !label.endsWith(tail)) return false;
  const end = label.length - tail.length;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = label.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
