import { RETRY_LATER, type ResponseHeaders } from './respond.js';

/** Why a request that was understood is not served. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: ResponseHeaders;
}

/** There is no room now. */
export function busy(reason: string): Refusal {
  return { status: 503, reason, headers: RETRY_LATER };
}
