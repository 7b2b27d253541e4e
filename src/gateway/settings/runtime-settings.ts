/** What a gateway goes by. A reload replaces it whole, and each part of the gateway is told in its own words. */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Config } from '../../config/schema.js';
import { Fault } from '../../fault.js';
import type { Guard } from '../../policy/guard.js';
import type { Rule } from '../../policy/rules.js';
import type { WebSettings } from '../listener/web.js';
import { AccessDecisions } from './access-decisions.js';

export interface RuntimeSettings {
  readonly config: Pick<Config, 'limits' | 'timeouts' | 'transports'>;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** The gateway closes it when nobody needs it any more. */
  readonly guard: Guard;
  readonly rules: readonly Rule[];
}

/** The client waits 30 s for an answer (MS-TSGU 4.2.1): a target must be found or given up before. */
const ALL_TARGETS_MS = 25_000;

export function accessDecisionsOf({ guard, rules, config: { timeouts } }: RuntimeSettings): AccessDecisions {
  const { dial, decision } = timeouts;
  return new AccessDecisions(guard, rules, { dial: dial * 1000, decision: decision * 1000, all: ALL_TARGETS_MS });
}

export function webSettings({ limits, timeouts }: RuntimeSettings['config']): WebSettings {
  return { limits, headTimeoutMs: timeouts.head * 1000, closeTimeoutMs: timeouts.close * 1000 };
}

/** Throws `TLS_UNUSABLE` for a pair that fits and is still refused: a weak key, or a chain that is damaged further down. */
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
