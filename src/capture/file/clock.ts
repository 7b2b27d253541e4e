/** Time stamps of a pcapng interface: a 64-bit count of units whose size the interface states. */

export type Clock = (high: number, low: number) => bigint;

/** if_tsresol when the interface states none: microseconds. */
export const DEFAULT_RESOLUTION = 6;

/** A multiplier up to this keeps the lower half in a safe integer. */
const MAX_SMALL_MULTIPLIER = 1_000_000n;
/**
 * What can be shown as a date, less what the lower half may add: damage in a time stamp shall not become a failure of
 * whoever prints it.
 */
const MAX_TIME = 8_640_000_000_000_000_000_000n - 2n ** 32n * MAX_SMALL_MULTIPLIER;

/**
 * How to turn both halves of a time stamp into nanoseconds since the epoch.
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
    ? fast(multiplier, shift)
    : (high, low) => clamp(join(high, low) * multiplier + shift);
}

/** The upper half hardly ever changes: one addition for a packet. */
function fast(multiplier: bigint, shift: bigint): Clock {
  const small = Number(multiplier);
  let known = 0;
  let base = clamp(shift);
  return (high, low) => {
    if (high !== known) {
      known = high;
      base = clamp(join(high, 0) * multiplier + shift);
    }
    return base + BigInt(low * small);
  };
}

function clamp(time: bigint): bigint {
  if (time > MAX_TIME) return MAX_TIME;
  return time < -MAX_TIME ? -MAX_TIME : time;
}

function join(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
