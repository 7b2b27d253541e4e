import { describe, expect, it, vi } from 'vitest';
import { anyAuthenticator, staticAuthenticator } from '../../src/policy/builtin.js';
import type { BuiltInAuthenticator, Grant } from '../../src/policy/grant.js';
import { createGuard } from '../../src/policy/guard.js';
import { parseTokenList } from '../../src/policy/static.js';
import type { AuthenticationRequest, Authenticator, Identity } from '../../src/policy/types.js';

const NOW = 1_790_000_000_000;
const REQUEST: AuthenticationRequest = {
  scheme: 'PAA',
  token: 'sesame-open-sesame',
  peer: '192.0.2.1',
  connectionId: '00000000-0000-0000-0000-000000000001',
  correlationId: undefined,
  clientName: undefined,
  now: NOW,
};
const ALICE: Identity = {
  user: 'alice',
  groups: [],
  targets: undefined,
  local: false,
  until: undefined,
  method: 'custom',
  clientName: undefined,
};
const DESK = { host: 'desk', port: 3389, address: '10.0.0.1' };

/** Creates a guard around an authenticator that may answer anything. */
function guardOf(authenticate: (request: AuthenticationRequest, signal: AbortSignal) => unknown, deadline = 5000) {
  return createGuard({ authenticator: { name: 'custom', authenticate } as Authenticator, deadline });
}

function authorizing(authorize: unknown, deadline = 5000) {
  const authenticator = { name: 'custom', authenticate: () => ({ allow: true, user: 'alice' }), authorize };
  return createGuard({ authenticator: authenticator as Authenticator, deadline });
}

const throws = (cause: unknown) => (): never => {
  throw cause;
};
const hidden = (owner: object, key: string) => Object.defineProperty(owner, key, { get: throws(new Error('hidden')) });
const never = () => new Promise(() => undefined);

type Then = (resolve: (value: unknown) => void, reject: (cause: unknown) => void) => void;

/** An answer that would allow alice, except that it also has a `then` method. */
function thenable(then: Then): object {
  return { allow: true, user: 'alice', ...Object.fromEntries([['then', then]]) };
}

describe('authenticate', () => {
  it('turns a verdict into an identity', async () => {
    const guard = guardOf(async () => ({
      allow: true,
      user: 'CORP\\alice',
      groups: ['staff'],
      targets: ['Desk.Example', '[::ffff:10.0.0.1]:3390'],
      until: NOW + 1,
    }));
    await expect(guard.authenticate({ ...REQUEST, clientName: 'LAPTOP' })).resolves.toEqual({
      allow: true,
      identity: {
        user: 'CORP\\alice',
        groups: ['staff'],
        targets: ['desk.example:3389', '10.0.0.1:3390'],
        local: false,
        until: NOW + 1,
        method: 'custom',
        clientName: 'LAPTOP',
      },
      credential: { mode: 'module' },
    });
  });

  it('copies the answer, so that later changes by the module have no effect', async () => {
    const targets = ['a.example'];
    const result = await guardOf(() => ({ allow: true, user: 'alice', targets })).authenticate(REQUEST);
    targets.push('b.example');
    expect(result.allow && result.identity.targets).toEqual(['a.example:3389']);
    expect(result.allow && Object.isFrozen(result.identity)).toBe(true);
  });

  it('passes the request and a signal', async () => {
    const authenticate = vi.fn((_: AuthenticationRequest, signal: AbortSignal) => ({
      allow: !signal.aborted,
      user: 'alice',
    }));
    await guardOf(authenticate).authenticate(REQUEST);
    expect(authenticate).toHaveBeenCalledWith(REQUEST, expect.any(AbortSignal));
  });

  it('does not call the authenticator for an empty token', async () => {
    const authenticate = vi.fn(() => ({ allow: true, user: 'alice' }));
    await expect(guardOf(authenticate).authenticate({ ...REQUEST, token: '' })).resolves.toEqual({
      allow: false,
      code: 'missing',
      reason: 'the client sent no token',
    });
    expect(authenticate).not.toHaveBeenCalled();
  });

  it('returns the reason of a refusal in one line and without the token', async () => {
    const reason = `token ${REQUEST.token} is unknown\r\nINFO admitted alice`;
    await expect(guardOf(() => ({ allow: false, reason })).authenticate(REQUEST)).resolves.toEqual({
      allow: false,
      code: 'refused',
      reason: 'token [token] is unknown INFO admitted alice',
    });
  });

  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const good = { allow: true, user: 'alice' };

  it.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['true', () => true],
    ['a text', () => 'allow'],
    ['a function', () => Object.assign(() => undefined, good)],
    ['an empty object', () => ({})],
    ['allow: 1', () => ({ ...good, allow: 1 })],
    ['allow: "true"', () => ({ ...good, allow: 'true' })],
    ['a Boolean object', () => ({ ...good, allow: new Boolean(true) })],
    ['no user', () => ({ allow: true })],
    ['an empty user', () => ({ ...good, user: '' })],
    ['a blank user', () => ({ ...good, user: '  ' })],
    ['a user that is an object', () => ({ ...good, user: { toString: () => 'alice' } })],
    ['a user with a line break', () => ({ ...good, user: 'alice\nroot' })],
    ['a user with a bidirectional override', () => ({ ...good, user: 'al\u202eice' })],
    ['a user that is too long', () => ({ ...good, user: 'a'.repeat(10_000) })],
    ['groups as a text', () => ({ ...good, groups: 'staff' })],
    ['groups of numbers', () => ({ ...good, groups: [1] })],
    ['targets as a text', () => ({ ...good, targets: 'desk:3389' })],
    ['targets as null', () => ({ ...good, targets: null })],
    ['a malformed target', () => ({ ...good, targets: ['desk:3389', '10.1'] })],
    ['a hole in targets', () => ({ ...good, targets: new Array(1) })],
    ['too many targets', () => ({ ...good, targets: new Array(1e9) })],
    ['until in the past', () => ({ ...good, until: NOW })],
    ['until not a number', () => ({ ...good, until: Number.NaN })],
    ['until as infinity', () => ({ ...good, until: Number.POSITIVE_INFINITY })],
    ['until as a date', () => ({ ...good, until: new Date(NOW + 1000) })],
    ['a getter that throws', () => hidden({ ...good }, 'targets')],
    ['a revoked proxy', () => revoked.proxy],
    ['a promise of another shape', async () => [good]],
    ['a throw', throws(new Error('data base is down'))],
    ['a throw of undefined', throws(undefined)],
    ['a throw of an error without a readable message', throws(hidden(new Error('x'), 'message'))],
    ['a throw of a revoked proxy', throws(revoked.proxy)],
    ['a rejection', () => Promise.reject(new Error('no'))],
    ['a thenable that throws', () => thenable(throws(new Error('no')))],
    ['a thenable that rejects', () => thenable((_, reject) => reject(1))],
    ['a thenable with an answer of another shape', () => thenable((resolve) => resolve({ allow: 'no' }))],
  ])('denies %s', async (_, answer) => {
    await expect(guardOf(answer).authenticate(REQUEST)).resolves.toEqual({
      allow: false,
      code: 'refused',
      reason: expect.stringMatching(/^(authenticator custom failed|refused without a reason)/),
    });
  });

  it('reports what failed, without the token', async () => {
    const guard = guardOf(({ token }) => {
      throw new Error(`cannot parse ${token}`);
    });
    await expect(guard.authenticate(REQUEST)).resolves.toHaveProperty(
      'reason',
      'authenticator custom failed: cannot parse [token]',
    );
  });

  it('reads each property once, so that a second read cannot differ', async () => {
    let reads = 0;
    const answer = {
      allow: true,
      get user() {
        reads += 1;
        return reads === 1 ? 'alice' : 'root\n';
      },
    };
    const result = await guardOf(() => answer).authenticate(REQUEST);
    expect(result.allow && result.identity.user).toBe('alice');
  });

  it('ignores `local` and `credential` in the answer of a custom authenticator', async () => {
    const credential = { mode: 'any' };
    const answer = () => ({ ...good, targets: ['127.0.0.1'], local: true, credential });
    const result = await guardOf(answer).authenticate(REQUEST);
    expect(result.allow && result.identity.local).toBe(false);
    expect(result).toHaveProperty('credential', { mode: 'module' });
  });
});

describe('the deadline', () => {
  it('denies, and aborts the signal', async () => {
    vi.useFakeTimers();
    try {
      let seen: AbortSignal | undefined;
      const guard = guardOf((_, signal) => {
        seen = signal;
        return never();
      }, 2000);
      const result = guard.authenticate(REQUEST);
      await vi.advanceTimersByTimeAsync(1999);
      expect(seen?.aborted).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await expect(result).resolves.toEqual({ allow: false, code: 'refused', reason: 'no answer within 2 s' });
      expect(seen?.aborted).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('denies early if the caller aborts', async () => {
    let seen: AbortSignal | undefined;
    const guard = guardOf((_, signal) => {
      seen = signal;
      return never();
    }, 60_000);
    const caller = new AbortController();
    const result = guard.authenticate(REQUEST, caller.signal);
    caller.abort();
    await expect(result).resolves.toHaveProperty('allow', false);
    expect(seen?.aborted).toBe(true);
  });

  it('ignores a late answer and a late rejection', async () => {
    vi.useFakeTimers();
    try {
      for (const late of [() => ({ allow: true, user: 'alice' }), () => Promise.reject(new Error('late'))]) {
        const guard = guardOf(() => new Promise((resolve) => setTimeout(() => resolve(late()), 3000)), 2000);
        const result = guard.authenticate(REQUEST);
        await vi.advanceTimersByTimeAsync(4000);
        await expect(result).resolves.toHaveProperty('allow', false);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('applies even if the authenticator blocked the timer', async () => {
    let time = 0;
    const authenticator: Authenticator = {
      name: 'custom',
      authenticate() {
        time += 2001;
        return { allow: true, user: 'alice' };
      },
    };
    const guard = createGuard({ authenticator, deadline: 2000, clock: () => time });
    await expect(guard.authenticate(REQUEST)).resolves.toHaveProperty('reason', 'no answer within 2 s');
  });

  it('clears the timer after an answer', async () => {
    vi.useFakeTimers();
    try {
      await guardOf(() => ({ allow: true, user: 'alice' })).authenticate(REQUEST);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('authorize', () => {
  it('is undefined if the authenticator has none', () => {
    expect(guardOf(() => undefined).authorize).toBeUndefined();
  });

  it('returns both answers', async () => {
    const guard = authorizing((_: Identity, { address }: { address: string }) =>
      address === '10.0.0.1' ? { allow: true } : { allow: false, reason: 'not\nyours' },
    );
    await expect(guard.authorize?.(ALICE, DESK)).resolves.toEqual({ allow: true });
    await expect(guard.authorize?.(ALICE, { ...DESK, address: '10.0.0.2' })).resolves.toEqual({
      allow: false,
      reason: 'not yours',
    });
  });

  it.each<[string, unknown]>([
    ['no function', 'yes'],
    ['a throw', throws(new Error('no'))],
    ['true', () => true],
    ['nothing', () => undefined],
    ['allow: 1', () => ({ allow: 1 })],
    ['a rejection', () => Promise.reject(new Error('no'))],
  ])('denies %s', async (_, authorize) => {
    await expect(authorizing(authorize).authorize?.(ALICE, DESK)).resolves.toHaveProperty('allow', false);
  });

  it('denies at the deadline, and if the caller aborts', async () => {
    vi.useFakeTimers();
    try {
      const result = authorizing(never, 1000).authorize?.(ALICE, DESK);
      await vi.advanceTimersByTimeAsync(1000);
      await expect(result).resolves.toEqual({ allow: false, reason: 'no answer within 1 s' });
    } finally {
      vi.useRealTimers();
    }
    const controller = new AbortController();
    const result = authorizing(never).authorize?.(ALICE, DESK, controller.signal);
    controller.abort();
    await expect(result).resolves.toHaveProperty('allow', false);
  });
});

describe('revalidate', () => {
  const builtIn = (authenticator: BuiltInAuthenticator) =>
    createGuard({ authenticator, deadline: 1000, builtIn: true });
  const ofModule: Grant = { identity: ALICE, credential: { mode: 'module' } };
  const gone = (what: string) => ({ valid: false, code: 'revoked', reason: `the gateway no longer uses ${what}` });

  it('keeps the identities of a custom authenticator with the same name, without asking it', () => {
    const authenticate = vi.fn(() => ({ allow: true, user: 'alice' }));
    expect(guardOf(authenticate).revalidate(ofModule, NOW)).toEqual({ valid: true, identity: ALICE });
    expect(authenticate).not.toHaveBeenCalled();
  });

  it('ends the identities of a custom authenticator with another name', () => {
    const other = { ...ofModule, identity: { ...ALICE, method: 'portal' } };
    expect(guardOf(() => undefined).revalidate(other, NOW)).toEqual(gone('the authenticator portal'));
  });

  it('ends the identities of another mode', () => {
    const any: Grant = { identity: { ...ALICE, method: 'any' }, credential: { mode: 'any' } };
    const list = builtIn(staticAuthenticator(parseTokenList('sesame-open-sesame alice 10.0.0.1', 'tokens')));
    expect(list.revalidate(any, NOW)).toEqual(gone('the mode any'));
    expect(list.revalidate(ofModule, NOW)).toEqual(gone('the authenticator custom'));
    expect(guardOf(() => undefined).revalidate(any, NOW)).toEqual(gone('the mode any'));
    expect(builtIn(anyAuthenticator()).revalidate(any, NOW)).toMatchObject({ valid: true });
  });

  it.each(['any', 'static', 'signed'])(
    'ends the identities of the mode %s for a custom authenticator of that name',
    (mode) => {
      const custom = { name: mode, authenticate: () => ({ allow: true, user: 'alice' }) } as Authenticator;
      const credential = { mode, digest: '', key: '', audiences: [], expiresAt: NOW + 1 } as Grant['credential'];
      const guard = createGuard({ authenticator: custom, deadline: 1000 });
      expect(guard.revalidate({ identity: { ...ALICE, method: mode }, credential }, NOW)).toEqual(
        gone(`the mode ${mode}`),
      );
    },
  );

  it('ends the identities of a custom authenticator that has the name of the mode', () => {
    const posing: Grant = { identity: { ...ALICE, method: 'any' }, credential: { mode: 'module' } };
    expect(builtIn(anyAuthenticator()).revalidate(posing, NOW)).toEqual(gone('the authenticator any'));
  });

  it('denies what fails', () => {
    const broken: BuiltInAuthenticator = { ...anyAuthenticator(), revalidate: throws(new Error('our own bug')) };
    const any: Grant = { identity: ALICE, credential: { mode: 'any' } };
    expect(builtIn(broken).revalidate(any, NOW)).toEqual({
      valid: false,
      code: 'revoked',
      reason: 'authenticator any failed: our own bug',
    });
    const without = { identity: ALICE } as Grant;
    expect(builtIn(anyAuthenticator()).revalidate(without, NOW)).toHaveProperty('valid', false);
  });
});

describe('close', () => {
  it('never throws', async () => {
    const authenticator = {
      name: 'custom',
      authenticate: () => ({ allow: false, reason: 'no' }) as const,
      close() {
        throw new Error('no');
      },
    };
    await expect(createGuard({ authenticator, deadline: 1000 }).close()).resolves.toBeUndefined();
    await expect(guardOf(() => undefined).close()).resolves.toBeUndefined();
  });
});
