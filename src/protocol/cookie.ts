/** The PAA cookie of TUNNEL_CREATE (MS-TSGU 2.2.10.19). In an .rdp file it is the setting `gatewayaccesstoken`. */
import { withoutTrailingNul } from './cursor.js';

/** Encodes a token as FreeRDP and mstsc send it: UTF-16LE with a terminating NUL. */
export function encodePaaCookie(token: string): Buffer {
  return Buffer.from(`${token}\0`, 'utf16le');
}

/**
 * Decodes a cookie to text, without terminating NULs. Returns undefined if the cookie is empty, has an odd length,
 * holds a NUL inside the text or is not well-formed UTF-16LE.
 */
export function decodePaaCookie(cookie: Buffer): string | undefined {
  if (cookie.length % 2 !== 0) return undefined;
  const text = withoutTrailingNul(cookie.toString('utf16le'));
  return text.length > 0 && !text.includes('\0') && text.isWellFormed() ? text : undefined;
}
