/** Codes as people write them: 0x800759DA, 800759da, 2147965402, -2147001894, 0x59DA. */
export interface ParsedNumber {
  /** 0 to 0xFFFFFFFF. */
  readonly value: number;
  readonly notation: 'hex' | 'decimal';
}

const HEX = /^0x([0-9a-f]{1,8})$/i;
const BARE_HEX = /^[0-9a-f]{1,8}$/i;
const DECIMAL = /^-?\d{1,10}$/;

/**
 * Every number that `text` may stand for, the likelier reading first: digits alone are decimal, and hexadecimal in case
 * the decimal one says nothing. Leading zeros, as in 0x0002000C, change nothing.
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

/** `0x59DA`, without leading zeros. */
export function shortHex(value: number): string {
  return `0x${value.toString(16).toUpperCase()}`;
}

/** As programs print a code that they take for a number: `2147965402`, and `-2147001894` where the top bit is set. */
export function decimals(value: number): string[] {
  return value >= 0x80000000 ? [String(value), String(value - 0x100000000)] : [String(value)];
}
