// The most expensive input known for each reader that an unauthenticated client reaches, as latin-1 text.
// test/fuzz/cost.ts looks for worse ones.
import { randomBytes } from 'node:crypto';
import * as tsgu from '../../dist/src/protocol/index.js';

const PATH = '/remoteDesktopGateway/';
const HEAD = `RDG_OUT_DATA ${PATH} HTTP/1.1\r\nHost: a\r\n`;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';

/** Lengths of a load, just below the limits of the gateway, so that all of it is read. */
const MOST = {
  /** `limits.headBytes` and UNAUTHENTICATED_BYTES */
  input: 60_000,
  /** REQUEST_LINE_BYTES */
  target: 16_000,
  /** CHUNKED_LIMITS */
  chunkLine: 250,
  trailer: 8000,
  /** REQUESTS_MAX */
  requests: 99,
  /** TOKEN_MAX_LENGTH, in characters of two bytes */
  token: 4000,
};
/** Bytes around the payload of a TLS 1.3 record. */
const RECORD_OVERHEAD = 22;

/** RFC 6455 5.2. */
const [CONTINUATION, BINARY, CLOSE, PING, PONG] = [0x00, 0x82, 0x88, 0x89, 0x8a];
const FIN = 0x80;

/**
 * What a client sends after the TLS handshake: `ask` and its answer, then `start`, `load` and `end` at once, after which
 * the gateway closes the connection. `out` opens the OUT channel on another connection. Both get a connection id.
 * `recordBytes` is the payload of each TLS record of the load.
 */
export const INPUTS = [
  { key: 'field', title: 'one long field', start: `${HEAD}Upgrade: `, load: fill('a, ', MOST.input), end: '\r\n\r\n' },
  { key: 'fields', title: '97 fields', start: HEAD, load: `${fill('x', 600)}:\r\n`.repeat(97), end: '\r\n' },
  {
    key: 'query',
    title: 'query',
    start: `RDG_OUT_DATA ${PATH}?`,
    load: fill('%ff&', MOST.target),
    end: ' HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    key: 'records',
    title: 'TLS records of a byte',
    start: `${HEAD}X: `,
    load: fill('a', MOST.input / RECORD_OVERHEAD),
    recordBytes: 1,
    end: '\r\n\r\n',
  },
  {
    key: 'pipelined',
    title: 'pipelined requests',
    load: `${GET}\r\n`.repeat(MOST.requests),
    end: `${GET}Connection: close\r\n\r\n`,
  },
  chunked('chunks', 'chunks of a byte', { load: fill('1\r\nx\r\n', MOST.input) }),
  chunked('extensions', 'chunk extensions', { load: fill(`1;${fill('a;', MOST.chunkLine)}a\r\nx\r\n`, MOST.input) }),
  chunked('trailers', 'trailers', { start: '0\r\n', load: fill('a:\r\n', MOST.trailer), end: '\r\n' }),
  webSocket('frames', 'frames of a byte', fill(frame(BINARY, 'x'), MOST.input), frame(BINARY, unfinishedPdu())),
  webSocket('empty', 'empty frames', fill(frame(BINARY, ''), MOST.input)),
  webSocket('fragments', 'empty fragments', fill(frame(CONTINUATION, ''), MOST.input), frame(BINARY & ~FIN, '')),
  webSocket('pings', 'pings', fill(frame(PING, ''), MOST.input)),
  webSocket('pongs', 'pongs', fill(frame(PONG, ''), MOST.input)),
  webSocket('pdus', 'PDUs of 8 bytes', frame(BINARY, fill(text(tsgu.KEEPALIVE.encode({})), MOST.input))),
  webSocket('cookie', 'token of 64 KiB', frame(BINARY, tunnelCreate('A'.repeat(0x7ffe))), hello()),
  webSocket('token', 'forged token', frame(BINARY, tunnelCreate(forgedToken(MOST.token))), hello()),
];

/** No load: a request that is refused as soon as its head was read, and a tunnel whose token is refused. */
export const REFUSALS = {
  request: { end: 'RDG_OUT_DATA / HTTP/1.1\r\nHost: a\r\n\r\n' },
  token: { ask: upgrade, end: hello() + frame(BINARY, tunnelCreate(forgedToken(300))) },
};

function chunked(key, title, { start = chunk(unfinishedPdu()), load, end = '0\r\n\r\n' }) {
  const idField = (id) => `RDG-Connection-Id: {${id}}\r\n`;
  const request = (id) => `RDG_IN_DATA ${PATH} HTTP/1.1\r\nHost: a\r\n${idField(id)}Transfer-Encoding: chunked\r\n\r\n`;
  return { key, title, out: (id) => `${HEAD}${idField(id)}\r\n`, start: (id) => request(id) + start, load, end };
}

function webSocket(key, title, load, start = '') {
  return { key, title, ask: upgrade, start, load, end: frame(CLOSE, '\x03\xe8') };
}

function upgrade(id) {
  const key = randomBytes(16).toString('base64');
  return [
    `${HEAD}RDG-Connection-Id: {${id}}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}\r\n\r\n`,
  ].join('\r\n');
}

/** A masked frame. Its key is zero, so that the payload stays as it is. */
function frame(first, payload) {
  const length = payload.length;
  const lengths = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
  if (length > 0xffff) lengths.splice(0, 3, 0xff, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff);
  return text(Buffer.from([first, ...lengths, 0, 0, 0, 0])) + payload;
}

function chunk(payload) {
  return `${payload.length.toString(16)}\r\n${payload}\r\n`;
}

/** The handshake, as one frame. */
function hello() {
  return frame(BINARY, handshake());
}

function handshake() {
  const { HANDSHAKE_REQUEST, HTTP_EXTENDED_AUTH } = tsgu;
  const extendedAuth = HTTP_EXTENDED_AUTH.PAA;
  return text(HANDSHAKE_REQUEST.encode({ verMajor: 1, verMinor: 0, clientVersion: 0, extendedAuth }));
}

/** The handshake, and the header of a TUNNEL_CREATE of 64 KiB whose other bytes are the load. */
function unfinishedPdu() {
  return handshake() + tunnelCreate('A'.repeat(0x7ffe)).slice(0, tsgu.HEADER_LENGTH);
}

function tunnelCreate(token) {
  return text(tsgu.TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: Buffer.from(token, 'utf16le') }));
}

/** A token with the gateway's algorithm and the signature of nobody. */
function forgedToken(length) {
  const base64 = (value) => Buffer.from(value).toString('base64url');
  const head = `${base64('{"alg":"HS256"}')}.`;
  const signature = `.${base64(Buffer.alloc(32))}`;
  return head + 'A'.repeat(length - head.length - signature.length) + signature;
}

/** Whole copies of `unit`, in at most `length` bytes. */
function fill(unit, length) {
  return unit.repeat(length / unit.length);
}

function text(bytes) {
  return bytes.toString('latin1');
}
