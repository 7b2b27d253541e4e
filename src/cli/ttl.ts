import { Fault } from '../fault.js';

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Clients need some time to connect. */
export const TTL_MIN_MS = UNITS.m;
/** Limited because a single token cannot be revoked, except with a new key, which invalidates all tokens. */
export const TTL_MAX_MS = 30 * UNITS.d;

/**
 * Parses `30m`, `8h` or `7d` into milliseconds. Throws a `Fault` of kind `usage` (`TTL_INVALID`) for any other text and
 * for values outside TTL_MIN_MS to TTL_MAX_MS.
 */
export function parseTtl(text: string): number {
  const [, digits = '', unit = 'm'] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const milliseconds = digits === '' ? Number.NaN : Number(digits) * UNITS[unit as keyof typeof UNITS];
  if (milliseconds >= TTL_MIN_MS && milliseconds <= TTL_MAX_MS) return milliseconds;
  throw new Fault({
    kind: 'usage',
    code: 'TTL_INVALID',
    message: 'the lifetime of a token must be 1m to 30d',
    hint: 'for example 30m, 8h or 7d',
  });
}
