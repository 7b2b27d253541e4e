import { Fault } from '../fault.js';

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Clients need a while to connect. */
export const TTL_MIN_MS = UNITS.m;
/** A token cannot be called back but by a new key for all: nobody should carry one for longer. */
export const TTL_MAX_MS = 30 * UNITS.d;

/** Reads `30m`, `8h` or `7d` as milliseconds. Throws a `Fault` of kind `usage` (`TTL_INVALID`), also outside of the bounds. */
export function parseTtl(text: string): number {
  const [, digits = '', unit = 'm'] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const milliseconds = digits === '' ? Number.NaN : Number(digits) * UNITS[unit as keyof typeof UNITS];
  if (milliseconds >= TTL_MIN_MS && milliseconds <= TTL_MAX_MS) return milliseconds;
  throw new Fault({
    kind: 'usage',
    code: 'TTL_INVALID',
    message: 'a token lives from 1m to 30d',
    hint: 'for example 30m, 8h or 7d',
  });
}
