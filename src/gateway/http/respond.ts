import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { WebSocketUpgrade } from './request.js';

/** Field values by name. A list is written as one line for each value, as WWW-Authenticate needs it. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The interim response to `Expect: 100-continue`. */
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** RFC 6455 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const NAME = /^[A-Za-z0-9-]+$/;
/** Excludes line breaks, which would let a value add header fields. */
const VALUE = /^[\t\x20-\x7e]*$/;

/**
 * Status line, fields in the given order and the empty line. The caller adds Content-Length and Connection.
 * @throws TypeError for a name or value that is not allowed in a head
 */
export function responseHead(status: number, headers: ResponseHeaders = {}): Buffer {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of typeof values === 'string' ? [values] : values) {
      if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError(`response field ${name} cannot be written`);
      text += `${name}: ${value}\r\n`;
    }
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/** A response without a body, after which the connection stays open. */
export function emptyResponse(status: number, headers: ResponseHeaders = {}): Buffer {
  return responseHead(status, { ...headers, 'Content-Length': '0' });
}

/** The last response on a connection, without a body; the caller ends the connection. */
export function closingResponse(status: number, headers: ResponseHeaders = {}): Buffer {
  return emptyResponse(status, { Connection: 'close', ...headers });
}

/** Sessions end slowly; 30 s keeps clients that reconnect by themselves from doing so all the time. */
export const RETRY_LATER: ResponseHeaders = { 'Retry-After': '30' };

/**
 * A response with one line of text, by default the last one on its connection, which the caller then ends.
 * @param headers may replace `Connection: close`
 */
export function textResponse(status: number, text: string, headers: ResponseHeaders = {}): Buffer {
  const body = Buffer.from(`${text}\n`);
  const head = responseHead(status, {
    Connection: 'close',
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(body.length),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  return Buffer.concat([head, body]);
}

/** A 503 to any request, with the reason as one word in its body; the caller ends the connection. */
export function serviceUnavailable(reason: string): Buffer {
  return textResponse(503, reason, RETRY_LATER);
}

/**
 * The 101 that accepts a WebSocket (RFC 6455 4.2.2). It selects the first subprotocol that the client offers, since all
 * of them carry the same PDUs and a client may require one in the response. It never accepts extensions.
 */
export function switchingProtocols(upgrade: WebSocketUpgrade, headers: ResponseHeaders = {}): Buffer {
  const protocol = upgrade.protocols[0];
  return responseHead(101, {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': webSocketAccept(upgrade.key),
    ...(protocol === undefined ? {} : { 'Sec-WebSocket-Protocol': protocol }),
    ...headers,
  });
}

/** Sec-WebSocket-Accept for a key, which is hashed as sent and need not be base64 (RFC 6455 4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + WEBSOCKET_GUID, 'latin1')
    .digest('base64');
}
