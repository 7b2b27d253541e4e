/**
 * The settings of a running gateway. A reload replaces the whole object; the functions here derive the settings of the
 * parts.
 */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Config } from '../../config/schema.js';
import { Fault } from '../../fault.js';
import type { Guard } from '../../policy/guard.js';
import type { Rule } from '../../policy/rules.js';
import type { WebSettings } from '../listener/web.js';
import { AccessDecisions } from './access-decisions.js';

export interface RuntimeSettings {
  readonly config: Pick<Config, 'limits' | 'timeouts' | 'transports'> & {
    readonly auth: Pick<Config['auth'], 'whenRevoked'>;
  };
  /** In PEM format. */
  readonly tls: { readonly cert: string; readonly key: string };
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

export function webSettings({ limits, timeouts }: RuntimeSettings['config']): WebSettings {
  return { limits, headTimeoutMs: timeouts.head * 1000, closeTimeoutMs: timeouts.close * 1000 };
}

/**
 * Throws a `Fault` (`TLS_UNUSABLE`) for a matching pair that OpenSSL rejects: a weak key, or a damaged certificate in
 * the chain.
 */
export function secureContext(tls: RuntimeSettings['tls']): SecureContextOptions {
  const options = { ...tls, minVersion: 'TLSv1.2' } as const;
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
