/** Codes as people write them: 0x800759DA, 800759da, 2147965402, -2147001894, 0x59DA. */
import { hresultOfWin32 } from '../protocol/index.js';

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

/** The other spellings of a code: its low form when it wraps a Win32 code, unsigned and signed decimal. */
export function numberForms(value: number): string[] {
  const low = hresultOfWin32(value) === value ? [`0x${(value & 0xffff).toString(16).toUpperCase()}`] : [];
  const signed = value >= 0x80000000 ? [String(value - 0x100000000)] : [];
  return [...low, String(value), ...signed];
}
