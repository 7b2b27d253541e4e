/** What the right of a session rests on, so that the guard of a later moment can be asked whether it still holds. */
import type { AuthenticationVerdict, Authenticator, Identity } from './types.js';

/** What the verifier of signed tokens remembers of a token. */
export interface SignedCredential {
  readonly mode: 'signed';
  /** `VerificationKey.fingerprint` of the key that verified the token. A label or a `kid` may be reused for another key. */
  readonly key: string;
  /** Claim `aud`, normalized. */
  readonly audiences: readonly string[];
  /** Claim `exp` in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * What is kept of the credentials that a client authenticated with. INVARIANT: it is never the token, nor anything from which the
 * token can be made.
 */
export type Credential =
  | SignedCredential
  /** `digest`: the SHA-256 of the token, in hexadecimal. */
  | { readonly mode: 'static'; readonly digest: string }
  | { readonly mode: 'any' }
  /** A custom authenticator. `Identity.method` is its name. */
  | { readonly mode: 'module' };

/** An identity with the credential that it rests on. */
export interface Grant {
  readonly identity: Identity;
  readonly credential: Credential;
}

/** The result of `Guard.revalidate`. */
export type Revalidation =
  | {
      readonly valid: true;
      /** The identity under the present settings. A token list may have new targets or another user for the same token. */
      readonly identity: Identity;
    }
  | {
      readonly valid: false;
      /** `expired`: only the time of the token is over, which bounds new channels. `revoked`: every other reason. */
      readonly code: 'expired' | 'revoked';
      /** For the log. It says which right ended. */
      readonly reason: string;
    };

/** The answer of a built-in authenticator. The guard reads `local` and `credential` from built-in ones only. */
export type BuiltInVerdict =
  | (Extract<AuthenticationVerdict, { allow: true }> & { readonly local: boolean; readonly credential: Credential })
  | Extract<AuthenticationVerdict, { allow: false }>;

/**
 * A built-in mode. It implements the interface of custom authenticators, so that the guard has one code path, and can say later
 * whether it would still accept a token. `name` is the `mode` of its credentials.
 */
export interface BuiltInAuthenticator extends Authenticator {
  readonly name: Exclude<Credential['mode'], 'module'>;
  authenticate(...request: Parameters<Authenticator['authenticate']>): Promise<BuiltInVerdict> | BuiltInVerdict;
  /** `now` is in milliseconds since the epoch. The credential of the grant may be of another mode. */
  revalidate(grant: Grant, now: number): Revalidation;
}

export function revoked(reason: string): Revalidation {
  return { valid: false, code: 'revoked', reason };
}
