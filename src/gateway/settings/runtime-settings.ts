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

export interface RuntimeSettings {
  readonly config: Pick<Config, 'limits' | 'timeouts' | 'transports' | 'trustedProxies' | 'forwarded'>;
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

/**
 * Groups for the key exchange, which Windows, FreeRDP and browsers all have. The client chooses among them before it is
 * known. OpenSSL would also take finite fields of up to 8192 bits, which cost 90 ms of CPU time for each handshake, and
 * a client only has to send a random number for them (CVE-2002-20001). P-521 costs as much as eight handshakes.
 */
const GROUPS = 'X25519:P-256:P-384';

/**
 * Throws a `Fault` (`TLS_UNUSABLE`) for a matching pair that OpenSSL rejects: a weak key, or a damaged certificate in
 * the chain.
 */
export function secureContext(tls: RuntimeSettings['tls']): SecureContextOptions {
  const options = { ...tls, minVersion: 'TLSv1.2', ecdhCurve: GROUPS } as const;
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
