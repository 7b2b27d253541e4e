/** What to change when a request is refused, for the log and for the body of the answer: one row for each code. */

const UNCHANGED = 'a proxy in front must pass requests unchanged: HTTP/1.1, the same path, all header fields';
const SMALLER = 'send fewer or shorter header fields (cookies, X- fields of proxies), or raise';
const ONE_HTTP = 'send CRLF line ends and no control characters: a client or proxy that speaks plain HTTP/1.1 does';

export const HINTS: Readonly<Record<string, string>> = {
  // The bytes of a head.
  HEAD_NUL: ONE_HTTP,
  HEAD_BARE_CR: ONE_HTTP,
  HEAD_BARE_LF: ONE_HTTP,
  HEAD_CONTROL: ONE_HTTP,
  HEAD_REQUEST_LINE: 'the first line must be METHOD, one space, the path, one space, HTTP/1.1',
  HEAD_FIELD_NAME: 'each line after the first must be NAME: VALUE',
  HEAD_FOLDED: 'write each header field on one line',
  HEAD_SPACE_BEFORE_COLON: 'remove the space between the name of a header field and its colon',
  HEAD_CUT: 'the connection ended early: look for a time limit of the proxy or a network fault',
  HEAD_TIMEOUT: 'the network is slow, or the proxy holds the request back; timeouts.head limits the wait',
  // Limits.
  HEAD_REQUEST_LINE_TOO_LONG: 'shorten the path and the query: 16 KiB are the most',
  HEAD_TOO_LARGE: `${SMALLER} limits.headBytes`,
  HEAD_TOO_MANY_FIELDS: `${SMALLER} limits.headFields`,
  // The fields of a head.
  HEAD_VERSION: 'speak HTTP/1.1 to the gateway, not HTTP/2; in nginx: proxy_http_version 1.1',
  HEAD_TARGET: 'request a path such as /remoteDesktopGateway/, or a whole http or https address',
  HEAD_NO_HOST: 'the proxy must pass or set the Host field; in nginx: proxy_set_header Host $host',
  HEAD_HOST: 'the Host field must be one name or address, with a port or without',
  HEAD_DUPLICATE: 'the proxy must set this header field and not add it a second time',
  HEAD_LENGTH_AND_CODING: 'the proxy must send a body with Transfer-Encoding or Content-Length, not with both',
  HEAD_TRANSFER_ENCODING: 'send the body with Transfer-Encoding: chunked, over HTTP/1.1, and no other coding',
  HEAD_CONTENT_LENGTH: 'Content-Length must be one decimal number',
  HEAD_EXPECT: 'the proxy must not add an Expect field',
  // The request itself.
  REQUEST_VERSION: 'the proxy must speak HTTP/1.1 to the gateway; in nginx: proxy_http_version 1.1',
  REQUEST_PATH: 'the proxy must pass the path unchanged, without a prefix: /remoteDesktopGateway/',
  REQUEST_METHOD: 'a gateway request is RDG_OUT_DATA, RDG_IN_DATA, or GET with a WebSocket upgrade',
  REQUEST_NO_UPGRADE:
    'this path is for Remote Desktop clients; a proxy must pass Upgrade and Connection for the WebSocket',
  REQUEST_QUERY: 'write a percent sign in the query as %25',
  REQUEST_CONNECTION_ID: `RDG-Connection-Id must be a GUID; ${UNCHANGED}`,
  REQUEST_CONFLICT: `a value comes twice; ${UNCHANGED}`,
  REQUEST_UPGRADE_BODY: 'a WebSocket upgrade has no body; the proxy must not add Content-Length or Transfer-Encoding',
  REQUEST_WEBSOCKET_VERSION: 'the client or proxy must send Sec-WebSocket-Version: 13 (RFC 6455)',
  REQUEST_WEBSOCKET_KEY: 'the proxy must pass all Sec-WebSocket fields',
  REQUEST_WEBSOCKET_PROTOCOL: 'Sec-WebSocket-Protocol must be a short list of names',
  REQUEST_PIPELINED: 'wait for the answers to earlier requests before an upgrade; do not pipeline',
  RPC_OVER_HTTP: 'the client must use the HTTP transport: allow it in the client (FreeRDP: /gateway:type:http)',
  SCHEME: 'the client must use an access token: an .rdp file of rdgw mkrdp, or /gateway:access-token in FreeRDP',
  TRANSPORT_HTTP_OFF: 'set transports.http, or let the WebSocket through: a proxy must pass Upgrade and Connection',
  TRANSPORT_WEBSOCKET_OFF: 'set transports.websocket',
  BUSY: 'try again in half a minute; the reason in the log names the limit',
  // Pairing.
  OUT_EXISTS: 'end the other connection with this id, or wait for timeouts.pairing; clients use a new id each time',
  IN_EXISTS: 'one client sends RDG_IN_DATA twice: a proxy must not repeat requests',
  NO_OUT:
    'the OUT channel was refused, or ended before: look for its lines in this log and for time limits of the proxy',
  OTHER_ADDRESS:
    'if a trusted proxy or NAT sends one client from several addresses, set transports.pairBy: id, or use the PROXY protocol',
  IN_GONE: 'the client or the proxy closed the connection too early',
};

/** @param code of a HeadError or a Refusal */
export function hintOf(code: string): string {
  return HINTS[code] ?? UNCHANGED;
}
