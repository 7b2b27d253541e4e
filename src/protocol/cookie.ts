/** The PAA cookie of TUNNEL_CREATE (MS-TSGU 2.2.10.19) as text: what an .rdp file calls `gatewayaccesstoken`. */
import { withoutTrailingNul } from './cursor.js';

/** The token as FreeRDP and mstsc send it: UTF-16LE with its terminating NUL. */
export function encodePaaCookie(token: string): Buffer {
  return Buffer.from(`${token}\0`, 'utf16le');
}

/** The text of a cookie, undefined for one that is empty or no UTF-16LE text. */
export function decodePaaCookie(cookie: Buffer): string | undefined {
  if (cookie.length % 2 !== 0) return undefined;
  const text = withoutTrailingNul(cookie.toString('utf16le'));
  return text.length > 0 && !text.includes('\0') && text.isWellFormed() ? text : undefined;
}
