import ipaddr from 'ipaddr.js';
import { describe, expect, it, vi } from 'vitest';
import { readAddress } from '../../src/policy/address.js';
import { planTarget } from '../../src/policy/admit.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { parseRule } from '../../src/policy/rules.js';
import { parseTarget } from '../../src/policy/target.js';

/** Returns the decision of the rules about the target. */
function decide(rules: readonly string[], target: string) {
  const parsed = parseTarget(target);
  return new RuleSet(rules.map(parseRule)).decide(parsed, readAddress(parsed.host));
}

/** Reports whether the rule allows the target at `address`, which defaults to the host of the target. */
function allows(rule: string, target: string, address?: string): boolean {
  const found = readAddress(address ?? parseTarget(target).host);
  if (found === undefined) throw new Error(`${address} is not an address`);
  return decide([rule], target).allows(found);
}

describe('RuleSet.decide', () => {
  it.each([
    // rule, target, address
    ['desk.example', 'desk.example', '10.0.0.1'],
    ['DESK.example.', 'desk.example', '10.0.0.1'],
    ['192.168.0.7', '192.168.0.7', undefined],
    ['192.168.0.0/24', '192.168.0.255', undefined],
    ['192.168.0.0/24', 'desk.example', '192.168.0.3'],
    ['0.0.0.0/0', '8.8.8.8', undefined],
    ['::/0', '[2001:db8::1]', undefined],
    ['fd00:1::/64', '[fd00:1::7]', undefined],
    ['[fd00:1::/64]:3390', '[fd00:1::7]:3390', undefined],
    ['[fd00:1::]/64:*', '[fd00:1::7]:1', undefined],
    ['::ffff:10.0.0.0/104', '10.9.9.9', undefined],
    ['10.0.0.0/8', '[::ffff:10.9.9.9]', undefined],
    ['*.corp.example', 'a.corp.example', '10.0.0.1'],
    ['*.corp.example', 'a.b.corp.example', '10.0.0.1'],
    ['pc-*.corp.example', 'pc-17.corp.example', '10.0.0.1'],
    ['pc*', 'pc', '10.0.0.1'],
    ['*-pc-*', 'a-pc-b', '10.0.0.1'],
    ['*', 'desk', '10.0.0.1'],
    ['*', '10.0.0.1', undefined],
    ['desk:3390-3392', 'desk:3392', '10.0.0.1'],
    ['desk:*', 'desk:65535', '10.0.0.1'],
  ])('%s allows %s at %s', (rule, target, address) => {
    expect(allows(rule, target, address)).toBe(true);
  });

  it.each([
    ['desk.example', 'desk.example:3390', '10.0.0.1'],
    ['desk.example', 'xdesk.example', '10.0.0.1'],
    ['desk.example', 'desk.example.evil', '10.0.0.1'],
    ['192.168.0.0/24', '192.168.1.0', undefined],
    ['0.0.0.0/0', '[2001:db8::1]', undefined],
    ['::/0', '8.8.8.8', undefined],
    ['*.corp.example', 'corp.example', '10.0.0.1'],
    ['*.corp.example', 'evilcorp.example', '10.0.0.1'],
    ['*.corp.example', 'a.corp.example.evil', '10.0.0.1'],
    ['pc-*', 'pc-1.evil.example', '10.0.0.1'],
    ['pc-*.corp.example', 'pc-1.x.corp.example', '10.0.0.1'],
    ['*a*', '10.0.0.1', undefined],
    ['ab*ba', 'aba', '10.0.0.1'],
    ['desk:3390-3392', 'desk:3389', '10.0.0.1'],
    ['desk:3390-3392', 'desk:3393', '10.0.0.1'],
    ['192.168.0.0/24:3390', '192.168.0.1:3389', undefined],
  ])('%s does not allow %s at %s', (rule, target, address) => {
    expect(allows(rule, target, address)).toBe(false);
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['::1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['::', 'unspecified'],
    ['169.254.169.254', 'cloud metadata'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fd00:ec2::254', 'cloud metadata'],
    ['fd20:ce::254', 'cloud metadata'],
    ['100.100.100.200', 'cloud metadata'],
    ['168.63.129.16', 'cloud metadata'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'reserved or broadcast'],
    ['::7f00:1', 'IPv4-compatible'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::a9fe:a9fe', 'cloud metadata'],
    ['64:ff9b:1::7f00:1', 'loopback'],
    ['::ffff:0:7f00:1', 'loopback'],
    ['2002:7f00:1::', 'loopback'],
  ])('%s is special (%s): only a rule for the address itself allows it', (address, name) => {
    expect(readAddress(address)?.special).toBe(name);
    const target = address.includes(':') ? `[${address}]` : address;
    for (const rule of ['*', '*:*', '0.0.0.0/0', '::/0', '*.example']) {
      expect(allows(rule, target)).toBe(false);
      expect(allows(rule, 'a.example', address)).toBe(false);
    }
    expect(allows(address, target)).toBe(true);
  });

  it('allows a special address by a block inside the special range, not by a wider block', () => {
    expect(allows('127.0.0.0/8', '127.0.0.1')).toBe(true);
    expect(allows('127.0.0.0/24', 'desk', '127.0.0.7')).toBe(true);
    expect(allows('126.0.0.0/7', '127.0.0.1')).toBe(false);
    expect(allows('64:ff9b::/96', '[64:ff9b::7f00:1]')).toBe(false);
    expect(allows('64:ff9b::7f00:0/104', '[64:ff9b::7f00:1]')).toBe(true);
  });

  it('allows a special address by no name except localhost: the owner of another name controls its addresses', () => {
    expect(allows('localhost', 'localhost', '127.0.0.1')).toBe(true);
    expect(allows('localhost', 'localhost', '::1')).toBe(true);
    expect(allows('desk.localhost', 'desk.localhost', '127.0.0.2')).toBe(true);
    expect(allows('local*', 'localhost', '127.0.0.1')).toBe(false);
    expect(allows('localhost', 'localhost', '169.254.169.254')).toBe(false);
    for (const address of ['127.0.0.1', '::1', '169.254.169.254', 'fe80::1']) {
      expect(allows('desk.corp.example', 'desk.corp.example', address)).toBe(false);
      expect(allows('notlocalhost', 'notlocalhost', address)).toBe(false);
    }
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '8.8.8.8',
    'fd00::1',
    '2001:db8::1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('%s is an ordinary address', (address) => {
    expect(readAddress(address)?.special).toBeUndefined();
  });
});

describe('RuleSet.decide before a lookup', () => {
  it('decides about a name by rules for names: rules for addresses may decide later', () => {
    expect(decide(['*.example'], 'desk.example')).toMatchObject({ byHost: true, byAddress: false });
    expect(decide(['10.0.0.0/8'], 'desk.example')).toMatchObject({ byHost: false, byAddress: true });
    expect(decide(['10.0.0.0/8:3390'], 'desk.example')).toMatchObject({ byHost: false, byAddress: false });
    expect(decide(['10.0.0.0/8'], '10.1.1.1')).toMatchObject({ byHost: true });
    expect(decide(['10.0.0.0/8'], '11.1.1.1')).toMatchObject({ byHost: false });
  });
});

describe('RuleSet with many rules', () => {
  it('decides as each rule alone would', () => {
    const rules = [
      'desk:3390',
      'desk:3395-3396',
      '*.a.example:1',
      '*.a.example',
      'pc-*.b.example',
      'pc-*.*.b.example:2',
      '10.0.0.0/8:5',
      '10.1.0.0/16',
      '10.1.2.3',
      '[::]/0:7',
      'fd00::/8',
      '0.0.0.0/0:8',
      '127.0.0.0/8:9',
      '*:10',
    ];
    const hosts = [
      'desk',
      'x.a.example',
      'pc-1.b.example',
      'pc-1.x.b.example',
      '10.1.2.3',
      '10.2.0.1',
      '[fd00::1]',
      '[2001:db8::1]',
      '127.0.0.1',
    ];
    const found = ['10.1.2.3', '10.1.9.9', '11.0.0.1', 'fd00::1', '2001:db8::1', '127.0.0.1', '::1'].map((text) =>
      readAddress(text),
    );
    for (const target of hosts.flatMap((host) =>
      [1, 2, 5, 7, 8, 9, 10, 3389, 3390, 3396].map((port) => `${host}:${port}`),
    )) {
      const all = decide(rules, target);
      const each = rules.map((rule) => decide([rule], target));
      expect([target, all.byHost]).toEqual([target, each.some(({ byHost }) => byHost)]);
      expect([target, all.byAddress]).toEqual([target, each.some(({ byAddress }) => byAddress)]);
      for (const address of found) {
        if (address === undefined) throw new Error('not an address');
        expect([target, address.text, all.allows(address)]).toEqual([
          target,
          address.text,
          each.some((one) => one.allows(address)),
        ]);
      }
    }
  });

  it('parses the address of a target once, however many rules and targets there are', async () => {
    const targets = Array.from({ length: 1000 }, (_, index) => `[fd00::${index.toString(16)}]:3389`);
    const rules = new RuleSet(targets.map((_, index) => parseRule(`fd00:${index.toString(16)}::/32`)));
    const identity = {
      user: 'alice',
      groups: [],
      local: false,
      until: undefined,
      method: 'test',
      clientName: undefined,
    };
    const parse = vi.spyOn(ipaddr.IPv6, 'parse');
    for (const own of [undefined, targets]) {
      const { signal } = new AbortController();
      await planTarget(
        { ...identity, targets: own },
        { host: 'fd99::1', port: 3389 },
        { rules, resolve: async () => [] },
        signal,
      );
    }
    expect(parse).toHaveBeenCalledTimes(2);
    parse.mockRestore();
  });
});
