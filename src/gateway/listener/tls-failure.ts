/** Logs handshakes that failed. */
import type { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';

/**
 * OpenSSL's reasons when client and gateway have no version, cipher suite, group or signature algorithm in common. The
 * last ones are alerts of a client that found none in the gateway's answer.
 */
const INCOMPATIBLE: ReadonlySet<string> = new Set([
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_VERSION_TOO_LOW',
  'ERR_SSL_NO_SUITABLE_KEY_SHARE',
  'ERR_SSL_NO_SUITABLE_GROUPS',
  'ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS',
  'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  // The names of the alerts in OpenSSL 3.2 and later.
  'ERR_SSL_TLS_ALERT_PROTOCOL_VERSION',
  'ERR_SSL_TLS_ALERT_INSUFFICIENT_SECURITY',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
]);
const HINT = 'update the client, or set tls.profile to old';

/**
 * Logs a failure for people who look for it (`debug`). One that a setting may cure has a warning too, limited for all
 * clients together: scanners try old versions from everywhere.
 */
export function logTlsFailure(log: Log, lineLimit: LineLimit, error: NodeJS.ErrnoException, peer: string): void {
  const { code = '', message: reason } = error;
  log.event('tls.failed', { peer, code, reason });
  if (!INCOMPATIBLE.has(code)) return;
  const suppressed = lineLimit.take('tls.incompatible');
  if (suppressed === undefined) return;
  log.event('tls.incompatible', { peer, code, reason, hint: HINT, suppressed: suppressed || undefined });
}
