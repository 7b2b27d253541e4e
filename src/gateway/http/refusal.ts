import { RETRY_LATER, type ResponseHeaders } from './respond.js';

/** The refusal of a valid request. `reason` is for the log only. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: ResponseHeaders;
}

/** The refusal while a limit is reached. */
export function busy(reason: string): Refusal {
  return { status: 503, reason, headers: RETRY_LATER };
}
