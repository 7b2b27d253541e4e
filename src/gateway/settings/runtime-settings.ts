/**
 * The settings of a running gateway. A reload replaces the whole object; the functions here derive the settings of the
 * parts.
 */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Config } from '../../config/schema.js';
import { Fault } from '../../fault.js';
import type { Guard } from '../../policy/guard.js';
import type { Rule } from '../../policy/rules.js';
import { AccessDecisions } from './access-decisions.js';
import { type TlsProfile, tlsProfileOptions } from './tls-profile.js';

export interface RuntimeSettings {
  readonly config: Pick<Config, 'limits' | 'timeouts' | 'transports' | 'trustedProxies' | 'forwarded'> & {
    readonly auth: Pick<Config['auth'], 'whenRevoked'>;
  };
  /** Certificate and key in PEM format. The profile is `intermediate` by default. */
  readonly tls: { readonly cert: string; readonly key: string; readonly profile?: TlsProfile };
  /** The gateway closes it when no decision needs it any more. */
  readonly guard: Guard;
  readonly rules: readonly Rule[];
}

/**
 * The client waits 30 s for an answer (MS-TSGU 4.2.1): the gateway must answer before, with a connected target or an
 * error.
 */
const ALL_TARGETS_MS = 25_000;

export function accessDecisionsOf({ guard, rules, config: { timeouts } }: RuntimeSettings): AccessDecisions {
  const { dial, decision } = timeouts;
  return new AccessDecisions(guard, rules, { dial: dial * 1000, decision: decision * 1000, all: ALL_TARGETS_MS });
}

/**
 * Throws a `Fault` (`TLS_UNUSABLE`) for a matching pair that OpenSSL rejects: a weak key, or a damaged certificate in
 * the chain.
 */
export function secureContext({ cert, key, profile = 'intermediate' }: RuntimeSettings['tls']): SecureContextOptions {
  const options = { ...tlsProfileOptions(profile), cert, key };
  try {
    createSecureContext(options);
    return options;
  } catch (cause) {
    throw new Fault({
      kind: 'configuration',
      code: 'TLS_UNUSABLE',
      message: `OpenSSL refuses the certificate or its key (${(cause as Error).message})`,
      place: 'tls.cert',
      hint: 'check each certificate of the chain: openssl x509 -text',
      cause,
    });
  }
}
