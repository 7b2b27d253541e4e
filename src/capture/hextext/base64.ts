/** Base64 and base64url (RFC 4648 sections 4 and 5), in lines of any length, with or without padding. */
import { quoteText, textFault } from './place.js';

/** Throws a `Fault` with the code `BASE64_DIGIT` or `BASE64_LENGTH`. */
export function parseBase64(lines: readonly string[]): Buffer {
  let last = { line: 1, column: 1 };
  let padded = false;
  const parts = lines.map((line, i) => {
    for (const { 0: part, index } of line.matchAll(/\S+/g)) {
      const place = { line: i + 1, column: index + 1 };
      const wrong = padded ? /[^=]/.exec(part) : /[^A-Za-z0-9+/=_-]|=(?=[^=])/.exec(part);
      if (wrong) {
        const message = `${quoteText(wrong[0])} is not a base64 digit here`;
        throw textFault('BASE64_DIGIT', message, { ...place, column: place.column + wrong.index });
      }
      padded ||= part.endsWith('=');
      last = { line: place.line, column: place.column + part.length - 1 };
    }
    return line.replace(/\s+/g, '');
  });
  const text = parts.join('');
  const digits = text.replace(/=+$/, '');
  const padding = text.length - digits.length;
  if (digits.length % 4 === 1 || (padding > 0 && (padding > 2 || text.length % 4 !== 0)))
    throw textFault('BASE64_LENGTH', `${digits.length} base64 digits and ${padding} "=" are not whole bytes`, last);
  return Buffer.from(digits, 'base64');
}
