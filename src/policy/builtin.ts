import { type BuiltInAuthenticator, revoked } from './grant.js';
import { type StaticToken, tokenFinder } from './static.js';
import type { SignedVerifier } from './token.js';

/** The user name of every identity in mode `any`. */
export const ANONYMOUS_USER = 'anonymous';

/** Verifies signed tokens (mode `signed`). */
export function signedAuthenticator({ verify, revalidate }: SignedVerifier): BuiltInAuthenticator {
  return {
    name: 'signed',
    authenticate: ({ token, now }) => verify(token, now),
    revalidate({ identity, credential }, now) {
      if (credential.mode !== 'signed') return revoked('the session did not begin with a signed token');
      return revalidate(credential, now) ?? { valid: true, identity };
    },
  };
}

/** Looks tokens up in the token list (mode `static`). Targets in the list are as explicit as allow rules. */
export function staticAuthenticator(entries: readonly StaticToken[]): BuiltInAuthenticator {
  const findToken = tokenFinder(entries);
  const byDigest = new Map(entries.map((entry) => [entry.digest, entry]));
  return {
    name: 'static',
    authenticate({ token }) {
      const entry = findToken(token);
      if (entry === undefined) return { allow: false, reason: 'the token is not in the list' };
      const credential = { mode: 'static', digest: entry.digest } as const;
      const verdict = { allow: true, user: entry.user, local: true, credential } as const;
      return entry.targets === undefined ? verdict : { ...verdict, targets: entry.targets };
    },
    revalidate({ identity, credential }) {
      const entry = credential.mode === 'static' ? byDigest.get(credential.digest) : undefined;
      if (entry === undefined) return revoked('the token is no longer in the list');
      return { valid: true, identity: Object.freeze({ ...identity, user: entry.user, targets: entry.targets }) };
    },
  };
}

/** Accepts every token (mode `any`, for development). Only the allow rules protect the network. */
export function anyAuthenticator(): BuiltInAuthenticator {
  return {
    name: 'any',
    authenticate: () => ({ allow: true, user: ANONYMOUS_USER, local: false, credential: { mode: 'any' } }),
    revalidate: ({ identity }) => ({ valid: true, identity }),
  };
}
