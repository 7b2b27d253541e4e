/**
 * Time stamps of a pcapng interface: a 64-bit count of units, whose size the interface description states.
 * Source: draft-ietf-opsawg-pcapng.
 */

/** Converts the upper and lower 32 bits of a time stamp to nanoseconds since the epoch. */
export type Clock = (high: number, low: number) => bigint;

/** Default of if_tsresol: microseconds. */
export const DEFAULT_RESOLUTION = 6;

/** Largest multiplier for which the product with a 32-bit number is a safe integer. */
const MAX_SMALL_MULTIPLIER = 1_000_000n;
/**
 * Largest time that `Date` can represent, minus the most that the lower half can add. Times are clamped to it so that a
 * damaged time stamp does not throw when it is printed.
 */
const MAX_TIME = 8_640_000_000_000_000_000_000n - 2n ** 32n * MAX_SMALL_MULTIPLIER;

/**
 * Returns the converter for the time stamps of one interface. Results are clamped to the range of `Date`.
 * @param resolution if_tsresol: 10^-n seconds, or 2^-n with the highest bit set
 * @param offset if_tsoffset, seconds to add
 */
export function clock(resolution: number, offset: bigint): Clock {
  const shift = offset * 1_000_000_000n;
  const power = resolution & 0x7f;
  if (resolution & 0x80) {
    const bits = BigInt(power);
    return (high, low) => clamp(((join(high, low) * 1_000_000_000n) >> bits) + shift);
  }
  if (power > 9) {
    const divisor = 10n ** BigInt(power - 9);
    return (high, low) => clamp(join(high, low) / divisor + shift);
  }
  const multiplier = 10n ** BigInt(9 - power);
  return multiplier <= MAX_SMALL_MULTIPLIER
    ? cachedClock(multiplier, shift)
    : (high, low) => clamp(join(high, low) * multiplier + shift);
}

/** Caches the product of the upper half, which rarely changes, so that a packet costs one bigint addition. */
function cachedClock(multiplier: bigint, shift: bigint): Clock {
  const factor = Number(multiplier);
  let cachedHigh = 0;
  let base = clamp(shift);
  return (high, low) => {
    if (high !== cachedHigh) {
      cachedHigh = high;
      base = clamp(join(high, 0) * multiplier + shift);
    }
    return base + BigInt(low * factor);
  };
}

function clamp(time: bigint): bigint {
  if (time > MAX_TIME) return MAX_TIME;
  return time < -MAX_TIME ? -MAX_TIME : time;
}

function join(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
