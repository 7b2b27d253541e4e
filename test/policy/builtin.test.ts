import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { anyAuthenticator, signedAuthenticator, staticAuthenticator } from '../../src/policy/builtin.js';
import type { BuiltInAuthenticator, Grant } from '../../src/policy/grant.js';
import { createGuard } from '../../src/policy/guard.js';
import { parseTokenList } from '../../src/policy/static.js';
import type { AuthenticationRequest, Identity } from '../../src/policy/types.js';

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

describe('built-in authenticators', () => {
  const guard = (authenticator: BuiltInAuthenticator) => createGuard({ authenticator, deadline: 1000, builtIn: true });

  it('static: accepts the tokens of the list, with local targets', async () => {
    const list = parseTokenList('sesame-open-sesame alice 127.0.0.1\nanother-token-0001 bob', 'tokens');
    const result = await guard(staticAuthenticator(list)).authenticate(REQUEST);
    expect(result).toHaveProperty('identity', {
      ...ALICE,
      targets: ['127.0.0.1:3389'],
      local: true,
      method: 'static',
    });
    const bob = await guard(staticAuthenticator(list)).authenticate({ ...REQUEST, token: 'another-token-0001' });
    expect(bob).toHaveProperty('identity.targets', undefined);
    await expect(guard(staticAuthenticator(list)).authenticate({ ...REQUEST, token: 'x' })).resolves.toEqual({
      allow: false,
      code: 'refused',
      reason: 'the token is not in the list',
    });
  });

  it('any: accepts every token except an empty one', async () => {
    await expect(guard(anyAuthenticator()).authenticate(REQUEST)).resolves.toHaveProperty('identity.user', 'anonymous');
    await expect(guard(anyAuthenticator()).authenticate({ ...REQUEST, token: '' })).resolves.toHaveProperty(
      'code',
      'missing',
    );
  });

  it('signed: calls the verifier with the time of the request', async () => {
    const credential = { mode: 'signed', key: 'k', audiences: ['gw'], expiresAt: NOW + 1 } as const;
    const verify = vi.fn(async () => ({ allow: true, user: 'alice', local: true, credential }) as const);
    const result = await guard(signedAuthenticator({ verify, revalidate: () => undefined })).authenticate(REQUEST);
    expect(verify).toHaveBeenCalledWith(REQUEST.token, NOW);
    expect(result).toHaveProperty('identity.local', true);
    expect(result).toHaveProperty('credential', credential);
  });
});

describe('a token of the list', () => {
  const listOf = (text: string) =>
    createGuard({ authenticator: staticAuthenticator(parseTokenList(text, 'tokens')), deadline: 1000, builtIn: true });
  const granted = async (): Promise<Grant> => {
    const result = await listOf('sesame-open-sesame alice 10.0.0.1').authenticate(REQUEST);
    if (!result.allow) throw new Error(result.reason);
    return result;
  };

  it('is kept as its SHA-256 only', async () => {
    const { credential } = await granted();
    const digest = createHash('sha256').update(REQUEST.token).digest('base64url');
    expect(credential).toEqual({ mode: 'static', digest });
    expect(JSON.stringify(await granted())).not.toContain(REQUEST.token);
  });

  it('has the user and the targets of its present line', async () => {
    const grant = await granted();
    const present = listOf('sesame-open-sesame bob desk.example');
    const expected = { ...grant.identity, user: 'bob', targets: ['desk.example:3389'] };
    expect(present.revalidate(grant, NOW)).toEqual({ valid: true, identity: expected });
    const unlimited = listOf('sesame-open-sesame alice').revalidate(grant, NOW);
    expect(unlimited).toHaveProperty('identity.targets', undefined);
  });

  it('is revoked when its line is removed', async () => {
    expect(listOf('another-token-0001 alice 10.0.0.1').revalidate(await granted(), NOW)).toEqual({
      valid: false,
      code: 'revoked',
      reason: 'the token is no longer in the list',
    });
  });
});
