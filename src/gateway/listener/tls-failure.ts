/** Logs handshakes that failed. */
import type { Log } from '../report/log.js';

/**
 * OpenSSL's reasons when client and gateway have no version, cipher suite, group or signature algorithm in common. The
 * last three are alerts of a client that found none in the gateway's answer.
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
]);
const HINT = 'update the client, or set tls.profile to old';

/** Scanners try old versions all day. One warning a minute tells as much as thousands. */
const WARNING_INTERVAL_MS = 60_000;

export class TlsFailures {
  readonly #log: Log;
  readonly #now: () => number;
  #nextWarning = Number.NEGATIVE_INFINITY;
  #suppressed = 0;

  /** @param now milliseconds of a monotonic clock. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * Logs a failure for people who look for it (`debug`). One that a setting may cure has a warning too, at most one a
   * minute for all clients, with the number of those that had none.
   */
  log(error: NodeJS.ErrnoException, peer: string): void {
    const { code = '', message: reason } = error;
    this.#log.event('tls.failed', { peer, code, reason });
    if (!INCOMPATIBLE.has(code)) return;
    const now = this.#now();
    if (now < this.#nextWarning) {
      this.#suppressed++;
      return;
    }
    const suppressed = this.#suppressed;
    this.#nextWarning = now + WARNING_INTERVAL_MS;
    this.#suppressed = 0;
    this.#log.event('tls.incompatible', { peer, code, reason, hint: HINT, suppressed });
  }
}
