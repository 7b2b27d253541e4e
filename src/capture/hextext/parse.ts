/** Parses bytes from text: pasted into a command line, saved from Wireshark, or printed by xxd, hexdump or od. */
import { Fault } from '../../fault.js';
import { parseBase64 } from './base64.js';
import { parseDigits } from './digits.js';
import { parseDump } from './dump.js';
import { isLiteral, parseLiteral } from './literal.js';
import { linesOf } from './place.js';

export type TextEncoding = 'hex' | 'base64';

/**
 * Characters of the longest text that is parsed, enough for a dump of hundreds of PDUs. Larger inputs belong in a
 * capture file.
 */
export const MAX_HEX_TEXT = 4 * 1024 * 1024;
/**
 * The bytes in a text. With the encoding `hex` the format is detected:
 *
 * - digits, alone or separated by white space, `,` `:` `;` `-`, each value with or without `0x` (Wireshark's hex
 *   stream, xxd -p);
 * - `\x0d\x00`, also as C or Python string literals;
 * - C, C#, Java, Go arrays in braces, with their declaration and comments (xxd -i);
 * - dumps with offsets: xxd, hexdump -C, od -t x1, tcpdump -X, tshark -x, Wireshark's "Hex Dump" and "Hex + ASCII
 *   Dump", with hexadecimal, decimal or octal offsets. The offsets must be consecutive; `*` repeats the line before it;
 *   after an empty line a dump that begins at 0 again is appended.
 *
 * Throws a `Fault` of kind `input` (`HEX_EMPTY`, `HEX_TOO_LONG`, `HEX_DIGIT`, `HEX_ODD`, `HEX_OFFSET`, `HEX_WORDS`,
 * `HEX_AMBIGUOUS`, `BASE64_DIGIT`, `BASE64_LENGTH`) that names the line and column.
 */
export function parseHexText(text: string, encoding: TextEncoding = 'hex'): Buffer {
  if (text.length > MAX_HEX_TEXT) {
    const message = `the text is longer than ${MAX_HEX_TEXT} characters`;
    throw new Fault({ kind: 'input', code: 'HEX_TOO_LONG', message, hint: 'pass a capture file instead' });
  }
  const lines = linesOf(text);
  const bytes = encoding === 'base64' ? parseBase64(lines) : parseHex(text, lines);
  if (bytes.length > 0) return bytes;
  throw new Fault({ kind: 'input', code: 'HEX_EMPTY', message: 'there are no bytes to read', hint: EXAMPLE });
}

const EXAMPLE = 'for example 0d00000008000000';

function parseHex(text: string, lines: readonly string[]): Buffer {
  return isLiteral(text) ? parseLiteral(lines) : (parseDump(lines) ?? parseDigits(lines));
}

/** Bytes of a file that `looksLikeText` reads. */
const HEAD_BYTES = 4096;

/**
 * Whether a file (or its beginning) is text and not a capture: UTF-16 with a byte order mark, or free of control
 * characters.
 */
export function looksLikeText(bytes: Buffer): boolean {
  const head = bytes.subarray(0, HEAD_BYTES);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters identify a binary file
  return head.length > 0 && !/[\0-\x08\x0e-\x1f\x7f]/.test(textOf(head));
}

/** The text of a file: UTF-16 with a byte order mark, as PowerShell's `>` writes it, otherwise UTF-8. Never throws. */
export function textOf(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.toString('utf16le', 2);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    return Buffer.from(bytes.subarray(2, bytes.length & ~1))
      .swap16()
      .toString('utf16le');
  }
  return bytes.toString('utf8');
}
