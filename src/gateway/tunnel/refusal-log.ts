/** The log of requests that the session refused itself, before any decision about an identity or a target. */
import { RESULT, resultLabel } from '../../protocol/index.js';
import { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';

/** A result code, and what was wrong with the request; undefined if an answer to the session refused it. */
export interface Refused {
  readonly code?: number;
  readonly detail?: string;
}

const TOKEN = 'use an .rdp file with a token, as rdgw mkrdp makes it';
const CURES: Readonly<Partial<Record<number, string>>> = {
  [RESULT.E_PROXY_COOKIE_BADPACKET]: TOKEN,
  [RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD]: TOKEN,
};
/** No known client sends such a request. */
const OTHER = 'use another client, or look at its requests with rdgw decode';

/** Writes one line a minute about one client and code, because a client needs no identity to be refused. */
export class RefusalLog {
  readonly #limit = new LineLimit();

  /**
   * Writes nothing without a detail: what answered the session has its own line.
   *
   * @param now in milliseconds of a monotonic clock
   */
  write(log: Log, peer: string, { code, detail }: Refused, now: number): void {
    if (code === undefined || detail === undefined) return;
    const line = this.#limit.take(`${peer} ${code}`, now);
    if (line === undefined) return;
    log.event('session.refused', {
      reason: `${detail}: ${CURES[code] ?? OTHER}`,
      code: resultLabel(code),
      suppressed: line.suppressed,
    });
  }
}
