/** A number in one of the notations for codes: 0x800759DA, 800759da, 2147965402, -2147001894, 0x59DA. */
export interface ParsedNumber {
  /** 0 to 0xFFFFFFFF. */
  readonly value: number;
  readonly notation: 'hex' | 'decimal';
}

const HEX = /^0x([0-9a-f]{1,8})$/i;
const BARE_HEX = /^[0-9a-f]{1,8}$/i;
const DECIMAL = /^-?\d{1,10}$/;

/**
 * Returns every number that `text` may mean, the most likely reading first: digits are decimal first, and hexadecimal second.
 * Leading zeros, as in 0x0002000C, are ignored. Returns an empty list for text that is not a number of 32 bits.
 */
export function parseNumbers(text: string): ParsedNumber[] {
  const hex = HEX.exec(text);
  if (hex) return [{ value: Number.parseInt(hex[1] ?? '', 16), notation: 'hex' }];
  const readings: ParsedNumber[] = [];
  if (DECIMAL.test(text)) {
    const value = Number(text);
    if (value >= -0x80000000 && value <= 0xffffffff) readings.push({ value: value >>> 0, notation: 'decimal' });
  }
  if (BARE_HEX.test(text)) readings.push({ value: Number.parseInt(text, 16), notation: 'hex' });
  return readings;
}

/** Formats a number as `0x59DA`, without leading zeros. */
export function shortHex(value: number): string {
  return `0x${value.toString(16).toUpperCase()}`;
}

/** Formats a number as unsigned decimal (`2147965402`), and also as signed decimal (`-2147001894`) if the top bit is set. */
export function decimals(value: number): string[] {
  return value >= 0x80000000 ? [String(value), String(value - 0x100000000)] : [String(value)];
}
