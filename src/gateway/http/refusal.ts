import type { HeadError } from '../../http/errors.js';
import { hintOf } from './hints.js';
import { RETRY_LATER, type ResponseHeaders, textResponse } from './respond.js';

/** The refusal of a request. `reason` is for the log only. */
export interface Refusal {
  readonly status: number;
  /** Stable; it has a row in hints.ts. */
  readonly code: string;
  readonly reason: string;
  readonly headers?: ResponseHeaders;
}

/** The refusal while a limit is reached. */
export function busy(reason: string): Refusal {
  return { status: 503, code: 'BUSY', reason, headers: RETRY_LATER };
}

export function refusalOf({ status, code, message, headers }: HeadError): Refusal {
  return { status, code, reason: message, headers };
}

/** The answer: what to change, and no byte of the request. The caller ends the connection. */
export function refusalResponse({ status, code, headers }: Refusal): Buffer {
  return textResponse(status, hintOf(code), headers);
}
