import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { HeadError } from '../../http/errors.js';
import type { WebSocketUpgrade } from './request.js';

/** Field values by name; a list becomes one line each, as WWW-Authenticate needs it. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Answers `Expect: 100-continue`. */
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** RFC 6455 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const NAME = /^[A-Za-z0-9-]+$/;
/** A line break in a value would end its line: the caller let in text from outside. */
const VALUE = /^[\t\x20-\x7e]*$/;

/**
 * Status line, fields in the given order and the empty line. Length and Connection are the caller's.
 * @throws TypeError for a name or value that cannot stand in a head
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

/** An answer without a body, after which the connection stays open. */
export function emptyResponse(status: number, headers: ResponseHeaders = {}): Buffer {
  return responseHead(status, { ...headers, 'Content-Length': '0' });
}

/** The last answer on a connection; the caller ends it. */
export function closingResponse(status: number, headers: ResponseHeaders = {}): Buffer {
  return emptyResponse(status, { Connection: 'close', ...headers });
}

/** Sessions end when people go home; half a minute keeps clients that come back by themselves from knocking all the time. */
export const RETRY_LATER: ResponseHeaders = { 'Retry-After': '30' };

/** There is no room, in one word for those who look: whatever was asked, it may be asked again later. */
export function refusedForNow(word: string): Buffer {
  const body = Buffer.from(`${word}\n`);
  const about = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': String(body.length) };
  return Buffer.concat([responseHead(503, { Connection: 'close', ...RETRY_LATER, ...about }), body]);
}

/** What a wrong head is told: its status and nothing that it sent. The caller ends the connection. */
export function refusal(error: HeadError): Buffer {
  return closingResponse(error.status, error.headers);
}

/**
 * `101`, which accepts a WebSocket (RFC 6455 4.2.2). The first sub-protocol that was offered is taken, since all of them
 * carry the same PDUs and a client may insist on an echo. Extensions are never taken.
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

/** Sec-WebSocket-Accept for a literal key, whatever its alphabet (RFC 6455 4.2.2). */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + WEBSOCKET_GUID, 'latin1')
    .digest('base64');
}
