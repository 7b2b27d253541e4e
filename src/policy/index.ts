/**
 * `rdgw/policy`: the interface of custom authenticators, and the gateway's own parsing and checks of targets, allow rules
 * and tokens.
 *
 *     // auth.mjs; auth.module.path in the configuration is its path
 *     import { formatTarget } from 'rdgw/policy';
 *     export default (options) => ({
 *       name: 'portal',
 *       async authenticate({ token, peer, now }, signal) {
 *         return { allow: true, user: 'alice', targets: ['desk.corp.example:3389'] };
 *       },
 *     });
 */
export { type Address, canonicalAddress, readAddress } from './address.js';
export { type AdmissionParts, type Plan, planTarget, type Resolve } from './admit.js';
export type {
  BuiltInAuthenticator,
  BuiltInVerdict,
  Credential,
  Grant,
  Revalidation,
  SignedCredential,
} from './grant.js';
export { type AuthenticationResult, createGuard, type Guard, type GuardOptions } from './guard.js';
export { loadAuthenticator } from './module.js';
export { type RuleDecision, RuleSet } from './rule-set.js';
export { type PortRange, parseRule, type Rule } from './rules.js';
export { formatTarget, normalizeHost, parseTarget, RDP_PORT, type Target } from './target.js';
export {
  CLOCK_TOLERANCE_MS,
  createSignedVerifier,
  mintToken,
  type SignedVerdict,
  type SignedVerifier,
  type SignedVerifierOptions,
  TOKEN_MAX_LENGTH,
  TOKEN_WARN_LENGTH,
  type TokenClaims,
} from './token.js';
export type {
  AuthenticationRequest,
  AuthenticationVerdict,
  Authenticator,
  AuthenticatorFactory,
  AuthorizationVerdict,
  Identity,
  TargetRequest,
} from './types.js';
