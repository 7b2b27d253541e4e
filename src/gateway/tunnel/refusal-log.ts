/** The log of requests that the session refused itself, before any decision about an identity or a target. */
import { RESULT, resultLabel } from '../../protocol/index.js';
import { networkOf } from '../admission/networks.js';
import { LineLimit } from '../report/line-limit.js';
import type { Log } from '../report/log.js';

/** A result code, and what was wrong with the request; undefined if an answer to the session refused it. */
export interface Refused {
  readonly code?: number;
  readonly detail?: string;
}

const TOKEN = 'open an .rdp file with a token, as rdgw mkrdp makes it';
const HINTS: Readonly<Partial<Record<number, string>>> = {
  [RESULT.E_PROXY_COOKIE_BADPACKET]: TOKEN,
  [RESULT.E_PROXY_UNSUPPORTED_AUTHENTICATION_METHOD]: TOKEN,
};
/** No known client sends such a request. */
const OTHER = 'use another client, or look at its requests with rdgw decode';

export class RefusalLog {
  /** A client needs no identity to be refused. */
  readonly #lines: LineLimit;

  /** @param now in milliseconds, monotonic */
  constructor(now: () => number) {
    this.#lines = new LineLimit(now);
  }

  /** Writes nothing without a detail: the decision that refused has its own line. */
  write(log: Log, peer: string | undefined, { code, detail: reason }: Refused): void {
    if (code === undefined || reason === undefined) return;
    const suppressed = this.#lines.take(`${code} ${networkOf(peer ?? 'unknown')}`);
    if (suppressed === undefined) return;
    log.event('session.refused', {
      code: resultLabel(code),
      reason,
      hint: HINTS[code] ?? OTHER,
      suppressed: suppressed || undefined,
    });
  }
}
