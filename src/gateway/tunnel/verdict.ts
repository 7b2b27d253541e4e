/** The outcome of an authentication, and what the session answers to the client. */
import type { Grant } from '../../policy/grant.js';
import { type Answer, RESULT } from '../../protocol/index.js';

export type Verdict =
  | Grant
  | { readonly code: 'missing' | 'refused'; readonly reason: string }
  /** The user is authenticated, but may open no further tunnel now. */
  | { readonly code: 'full'; readonly reason: string; readonly user: string };

const REFUSALS = {
  missing: RESULT.E_PROXY_COOKIE_BADPACKET,
  refused: RESULT.E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED,
  full: RESULT.E_PROXY_MAXCONNECTIONSREACHED,
} as const;

/** `clock` is the clock of the session. */
export function answerOf(verdict: Verdict, clock: () => number): Answer {
  if (!('identity' in verdict)) return { allow: false, code: REFUSALS[verdict.code] };
  const { until } = verdict.identity;
  return { allow: true, ...(until === undefined ? {} : { until: clock() + Math.max(0, until - Date.now()) }) };
}
