import { describe, expect, it, vi } from 'vitest';
import { ADDRESSES_MAX, planTarget, type Resolve } from '../../src/policy/admit.js';
import { RuleSet } from '../../src/policy/rule-set.js';
import { parseRule } from '../../src/policy/rules.js';
import { parseTarget } from '../../src/policy/target.js';
import type { AuthorizationVerdict, Identity, TargetRequest } from '../../src/policy/types.js';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'desk.corp.example': ['10.0.0.5'],
  'two.corp.example': ['10.0.0.5', '192.168.9.9', 'fd00::5'],
  'rebound.corp.example': ['169.254.169.254', '127.0.0.1', '::1'],
  'mixed.corp.example': ['127.0.0.1', '10.0.0.6', '::ffff:10.0.0.6', '10.0.0.6'],
  'many.corp.example': Array.from({ length: 40 }, (_, index) => `10.0.1.${index}`),
  'odd.corp.example': ['nonsense', '0x7f.1', 'fe80::1%eth0'],
  localhost: ['127.0.0.1', '::1'],
  'desk.localhost': ['127.0.0.5', '169.254.169.254'],
};

const lookUp: Resolve = async (host) => {
  const found = NAMES[host];
  if (found === undefined) throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  return found;
};

function identityWith(targets?: readonly string[], local = false): Identity {
  return { user: 'alice', groups: [], targets, local, until: undefined, method: 'test', clientName: undefined };
}

interface Case {
  readonly rules?: readonly string[];
  readonly identity?: Identity;
  readonly resolve?: Resolve;
  readonly authorize?: (identity: Identity, target: TargetRequest) => Promise<AuthorizationVerdict>;
  readonly signal?: AbortSignal;
}

function plan(target: string, { rules = [], identity = identityWith(), resolve = lookUp, authorize, signal }: Case) {
  const parts = { rules: new RuleSet(rules.map(parseRule)), resolve, authorize };
  return planTarget(identity, parseTarget(target), parts, signal ?? new AbortController().signal);
}

const denied = expect.objectContaining({ allow: false, code: 'denied' });
const unresolved = expect.objectContaining({ allow: false, code: 'unresolved' });

describe('planTarget with allow rules', () => {
  it('returns the addresses of an allowed name after one lookup', async () => {
    const resolve = vi.fn(lookUp);
    await expect(plan('desk.corp.example', { rules: ['*.corp.example'], resolve })).resolves.toEqual({
      allow: true,
      target: { host: 'desk.corp.example', port: 3389 },
      addresses: ['10.0.0.5'],
    });
    expect(resolve).toHaveBeenCalledTimes(1);
  });

  it('checks every address and keeps the allowed ones, in order and without duplicates', async () => {
    await expect(plan('two.corp.example', { rules: ['fd00::/8', '10.0.0.0/8'] })).resolves.toHaveProperty('addresses', [
      '10.0.0.5',
      'fd00::5',
    ]);
    await expect(plan('mixed.corp.example', { rules: ['*'] })).resolves.toHaveProperty('addresses', ['10.0.0.6']);
  });

  it('denies an allowed name that resolves to special addresses', async () => {
    const verdict = await plan('rebound.corp.example', { rules: ['*.corp.example', '0.0.0.0/0', '::/0', '*'] });
    expect(verdict).toEqual({
      allow: false,
      code: 'denied',
      reason: 'no rule allows 169.254.169.254 (cloud metadata), 127.0.0.1 (loopback), ::1 (loopback)',
    });
  });

  it('denies without a matching rule, and does not resolve a name that no rule can allow', async () => {
    const resolve = vi.fn(lookUp);
    for (const rules of [[], ['other.example'], ['10.0.0.0/8:3390'], ['*.corp.example:3390']]) {
      await expect(plan('desk.corp.example', { rules, resolve })).resolves.toEqual(denied);
    }
    await expect(plan('10.9.9.9', { rules: ['*.corp.example'], resolve })).resolves.toEqual(denied);
    expect(resolve).not.toHaveBeenCalled();
  });

  it('gives the same answer for a denied name whether or not it exists', async () => {
    const rules = ['192.168.0.0/24'];
    await expect(plan('desk.corp.example', { rules })).resolves.toEqual(denied);
    await expect(plan('nowhere.corp.example', { rules })).resolves.toEqual(denied);
  });

  it('reports that an allowed name does not resolve', async () => {
    await expect(plan('nowhere.corp.example', { rules: ['*.corp.example'] })).resolves.toEqual(unresolved);
    await expect(plan('odd.corp.example', { rules: ['*'] })).resolves.toEqual(unresolved);
  });

  it('limits the addresses of one name', async () => {
    const verdict = await plan('many.corp.example', { rules: ['*'] });
    expect(verdict.allow && verdict.addresses).toHaveLength(ADDRESSES_MAX);
  });

  it('accepts an address without a lookup', async () => {
    const resolve = vi.fn(lookUp);
    await expect(plan('[fd00::7]', { rules: ['fd00::/8'], resolve })).resolves.toHaveProperty('addresses', ['fd00::7']);
    expect(resolve).not.toHaveBeenCalled();
  });

  it.each(['0x7f.1', '2130706433', '', 'a b', 'de\u0000sk'])('denies the host %j', async (host) => {
    const parts = { rules: new RuleSet([parseRule('*')]), resolve: async () => ['10.0.0.1'] };
    await expect(
      planTarget(identityWith(), { host, port: 3389 }, parts, new AbortController().signal),
    ).resolves.toEqual(denied);
  });

  it.each([0, 65536, 1.5, Number.NaN])('denies the port %d', async (port) => {
    const parts = { rules: new RuleSet([parseRule('*:*')]), resolve: lookUp };
    const signal = new AbortController().signal;
    await expect(planTarget(identityWith(), { host: '10.0.0.1', port }, parts, signal)).resolves.toEqual(denied);
  });
});

describe('planTarget with targets of the identity', () => {
  it('opens these targets and no others, regardless of the rules', async () => {
    const identity = identityWith(['desk.corp.example:3389', '10.0.0.9:3390']);
    await expect(plan('DESK.corp.example.', { identity })).resolves.toHaveProperty('addresses', ['10.0.0.5']);
    await expect(plan('10.0.0.9:3390', { identity })).resolves.toHaveProperty('allow', true);
    for (const other of ['10.0.0.9', 'desk.corp.example:3390', '10.0.0.5', 'two.corp.example']) {
      await expect(plan(other, { identity, rules: ['*:*'] })).resolves.toEqual(denied);
    }
    await expect(plan('10.0.0.9', { identity: identityWith([]), rules: ['*'] })).resolves.toEqual(denied);
  });

  it('opens a special address that a target of the local key is', async () => {
    const identity = identityWith(['127.0.0.1:33891', '[fe80::1]:3389', '[64:ff9b::7f00:1]:3389'], true);
    await expect(plan('127.0.0.1:33891', { identity })).resolves.toHaveProperty('addresses', ['127.0.0.1']);
    await expect(plan('[::ffff:7f00:1]:33891', { identity })).resolves.toHaveProperty('addresses', ['127.0.0.1']);
    await expect(plan('[fe80::1]', { identity })).resolves.toHaveProperty('addresses', ['fe80::1']);
    await expect(plan('[64:ff9b::7f00:1]', { identity })).resolves.toHaveProperty('allow', true);
    await expect(plan('[::1]:33891', { identity })).resolves.toEqual(denied);
  });

  it('opens loopback addresses, and no other special ones, where a target of the local key is localhost', async () => {
    const identity = identityWith(['localhost:3389', 'desk.localhost:3389'], true);
    await expect(plan('LOCALHOST', { identity })).resolves.toHaveProperty('addresses', ['127.0.0.1', '::1']);
    await expect(plan('desk.localhost', { identity })).resolves.toHaveProperty('addresses', ['127.0.0.5']);
  });

  it.each([
    '127.0.0.1',
    '127.0.1.1',
    '169.254.169.254',
    '169.254.1.1',
    '0.0.0.0',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::7f00:1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
  ])('does not open %s for a target of the local key that is a name', async (address) => {
    const names = ['desk.corp.example', 'desk', 'notlocalhost', 'localhost.corp.example'];
    for (const host of names) {
      const identity = identityWith(
        names.map((name) => `${name}:3389`),
        true,
      );
      await expect(plan(host, { identity, resolve: async () => [address] })).resolves.toEqual(denied);
      const mixed = plan(host, { identity, resolve: async () => [address, '10.0.0.6'] });
      await expect(mixed).resolves.toHaveProperty('addresses', ['10.0.0.6']);
    }
  });

  it('names the cure for a name of a token that resolves to a special address', async () => {
    const reasonFor = (method: string, host: string, addresses: readonly string[], port = 3389) => {
      const identity = { ...identityWith([`${host}:${port}`], true), method };
      return plan(`${host}:${port}`, { identity, resolve: async () => addresses });
    };
    await expect(reasonFor('signed', 'desk', ['127.0.1.1'])).resolves.toHaveProperty(
      'reason',
      'the name resolves to 127.0.1.1 (loopback), which its token does not open: use mkrdp --target localhost',
    );
    await expect(reasonFor('signed', 'desk', ['fe80::5', '127.0.1.1'], 3390)).resolves.toHaveProperty(
      'reason',
      'the name resolves to fe80::5 (link-local) and 1 more, which its token does not open: use mkrdp --target [fe80::5]:3390',
    );
    await expect(reasonFor('static', 'desk', ['127.0.1.1'])).resolves.toHaveProperty(
      'reason',
      'the name resolves to 127.0.1.1 (loopback), which its token does not open: write localhost in the token list',
    );
    const many = Array.from({ length: 8 }, (_, index) => `fd00:ec2:1234:1234:1234:1234:1234:${index}`);
    await expect(reasonFor('signed', 'desk', many)).resolves.toHaveProperty(
      'reason',
      expect.stringMatching(/ and 7 more, which .* use mkrdp --target \[fd00:ec2:[\w:]+\]$/),
    );
  });

  it('requires a rule for special addresses in targets of another issuer', async () => {
    const identity = identityWith(['127.0.0.1:3389', 'rebound.corp.example:3389', 'mixed.corp.example:3389']);
    await expect(plan('127.0.0.1', { identity, rules: ['*', '0.0.0.0/0'] })).resolves.toEqual(denied);
    await expect(plan('127.0.0.1', { identity, rules: ['127.0.0.1'] })).resolves.toHaveProperty('allow', true);
    await expect(plan('rebound.corp.example', { identity })).resolves.toEqual(denied);
    await expect(plan('mixed.corp.example', { identity })).resolves.toHaveProperty('addresses', ['10.0.0.6']);
  });

  it('reports that a target of the identity does not resolve', async () => {
    await expect(
      plan('nowhere.corp.example', { identity: identityWith(['nowhere.corp.example:3389']) }),
    ).resolves.toEqual(unresolved);
  });
});

describe('planTarget with an authorizer', () => {
  it('is called for each allowed address, and only those it allows remain', async () => {
    const authorize = vi.fn(
      async (_: Identity, { address }: TargetRequest): Promise<AuthorizationVerdict> =>
        address === 'fd00::5' ? { allow: true } : { allow: false, reason: 'not yours' },
    );
    const rules = ['fd00::/8', '10.0.0.0/8'];
    await expect(plan('two.corp.example', { rules, authorize })).resolves.toHaveProperty('addresses', ['fd00::5']);
    expect(authorize.mock.calls.map(([, target]) => target)).toEqual([
      { host: 'two.corp.example', port: 3389, address: '10.0.0.5' },
      { host: 'two.corp.example', port: 3389, address: 'fd00::5' },
    ]);
    await expect(plan('desk.corp.example', { rules, authorize })).resolves.toEqual({
      allow: false,
      code: 'denied',
      reason: 'not yours',
    });
  });

  it('is not called for an address that the rules deny', async () => {
    const authorize = vi.fn(async () => ({ allow: true }) as const);
    await expect(plan('192.168.9.9', { rules: ['10.0.0.0/8'], authorize })).resolves.toEqual(denied);
    expect(authorize).not.toHaveBeenCalled();
  });

  it('does not reveal whether a name exists before it has allowed it', async () => {
    const authorize = async () => ({ allow: false, reason: 'no' }) as const;
    await expect(plan('nowhere.corp.example', { rules: ['*'], authorize })).resolves.toEqual(denied);
    await expect(plan('desk.corp.example', { rules: ['*'], authorize })).resolves.toEqual(denied);
  });

  it('denies when it throws', async () => {
    const authorize = async () => {
      throw new Error('data base is down');
    };
    await expect(plan('10.0.0.1', { rules: ['*'], authorize })).resolves.toEqual(denied);
  });
});

describe('planTarget and its signal', () => {
  const never = () => new Promise<never>(() => undefined);

  it('ends a lookup that hangs', async () => {
    const controller = new AbortController();
    const verdict = plan('desk.corp.example', { rules: ['*'], resolve: never, signal: controller.signal });
    controller.abort();
    await expect(verdict).resolves.toHaveProperty('allow', false);
  });

  it('ends an authorizer that hangs, and denies', async () => {
    const controller = new AbortController();
    const verdict = plan('10.0.0.1', { rules: ['*'], authorize: never, signal: controller.signal });
    controller.abort();
    await expect(verdict).resolves.toEqual({ allow: false, code: 'denied', reason: 'the decision took too long' });
  });

  it('denies at once if the signal is already aborted', async () => {
    const authorize = async () => ({ allow: true }) as const;
    await expect(plan('10.0.0.1', { rules: ['*'], authorize, signal: AbortSignal.abort() })).resolves.toEqual(denied);
  });
});
