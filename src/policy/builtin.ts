import { type StaticToken, tokenFinder } from './static.js';
import type { SignedVerifier } from './token.js';
import type { Authenticator } from './types.js';

/** The user name of every identity in mode `any`. */
export const ANONYMOUS_USER = 'anonymous';

/**
 * Verifies signed tokens (mode `signed`).
 *
 * The built-in modes implement the interface of custom authenticators, so that the guard has one code path. Their verdicts
 * have one additional property, `local`, which the guard ignores for custom authenticators.
 */
export function signedAuthenticator(verify: SignedVerifier): Authenticator {
  return { name: 'signed', authenticate: ({ token, now }) => verify(token, now) };
}

/** Looks tokens up in the token list (mode `static`). Targets in the list are as explicit as allow rules. */
export function staticAuthenticator(entries: readonly StaticToken[]): Authenticator {
  const findToken = tokenFinder(entries);
  return {
    name: 'static',
    authenticate({ token }) {
      const entry = findToken(token);
      if (entry === undefined) return { allow: false, reason: 'the token is not in the list' };
      const verdict = { allow: true, user: entry.user, local: true } as const;
      return entry.targets === undefined ? verdict : { ...verdict, targets: entry.targets };
    },
  };
}

/** Accepts every token (mode `any`, for development). Only the allow rules protect the network. */
export function anyAuthenticator(): Authenticator {
  return { name: 'any', authenticate: () => ({ allow: true, user: ANONYMOUS_USER }) };
}
