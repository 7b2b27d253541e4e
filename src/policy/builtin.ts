import { findToken, type StaticToken } from './static.js';
import type { SignedVerifier } from './token.js';
import type { Authenticator } from './types.js';

/** The user of everyone in mode `any`. */
export const ANYONE = 'anonymous';

/**
 * The built-in ways to prove an identity, in the shape of a custom authenticator so that the guard has one path.
 * What their verdicts add to the public shape is `local`; the guard heeds it from these alone.
 */
export function signedAuthenticator(verify: SignedVerifier): Authenticator {
  return { name: 'signed', authenticate: ({ token, now }) => verify(token, now) };
}

/** A token from the operator's own list: its targets count as the operator's word, like a rule. */
export function staticAuthenticator(entries: readonly StaticToken[]): Authenticator {
  return {
    name: 'static',
    authenticate({ token }) {
      const entry = findToken(entries, token);
      if (entry === undefined) return { allow: false, reason: 'the token is not in the list' };
      const verdict = { allow: true, user: entry.user, local: true } as const;
      return entry.targets === undefined ? verdict : { ...verdict, targets: entry.targets };
    },
  };
}

/** For development: whoever sends a token, any token, is in. The allow rules alone protect the network. */
export function anyAuthenticator(): Authenticator {
  return { name: 'any', authenticate: () => ({ allow: true, user: ANYONE }) };
}
