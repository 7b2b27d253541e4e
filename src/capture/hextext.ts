/** Bytes as people paste them. */
import { Fault } from '../fault.js';

/** One PDU has at most 64 KiB and a little; this is room for a stream of them with all its decoration. */
export const MAX_HEX_TEXT = 1024 * 1024;

/**
 * Bytes from hexadecimal text: pairs of digits, alone or apart with white space, commas or colons, each perhaps with `0x`.
 * Throws a `Fault` of kind `input` that says which character is none.
 */
export function parseHexText(text: string): Buffer {
  if (text.length > MAX_HEX_TEXT) throw fault('HEX_TOO_LONG', `the text is longer than ${MAX_HEX_TEXT} characters`);
  const digits = text.replace(/0x/gi, ' ').replace(/[\s,:]+/g, '');
  if (digits.length === 0) throw fault('HEX_EMPTY', 'there are no bytes to read');
  const wrong = /[^0-9a-f]/i.exec(digits);
  if (wrong) throw fault('HEX_DIGIT', `${JSON.stringify(wrong[0])} is not a hexadecimal digit`);
  if (digits.length % 2 !== 0) throw fault('HEX_ODD', `${digits.length} digits are not whole bytes`);
  return Buffer.from(digits, 'hex');
}

function fault(code: string, message: string): Fault {
  return new Fault({ kind: 'input', code, message, place: '--hex', hint: 'for example --hex 0d00000008000000' });
}
