import type { ResponseHeaders } from './http/respond.js';

/** Why a request that was understood is not served. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: ResponseHeaders;
}

/** Sessions end when people go home; half a minute keeps clients that come back by themselves from knocking all the time. */
const RETRY_LATER: ResponseHeaders = { 'Retry-After': '30' };

/** There is no room now. */
export function busy(reason: string): Refusal {
  return { status: 503, reason, headers: RETRY_LATER };
}
