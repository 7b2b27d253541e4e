/** Request heads of real clients, and helpers to parse, mutate and split heads. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type HeadLimits, type HeadResult, parseHead, type RequestHead } from '../../../src/http/head.js';

interface HttpVector {
  readonly id: string;
  readonly kind: 'request-head' | 'response-head' | 'body';
  readonly text?: string;
  readonly hex?: string;
}

const VECTORS: HttpVector[] = JSON.parse(readFileSync(new URL('../../vectors/http.json', import.meta.url), 'utf8'));

/** Every request head of the captures, with its id. */
export const CAPTURED_REQUESTS: readonly (readonly [id: string, bytes: Buffer])[] = VECTORS.filter(
  (vector) => vector.kind === 'request-head',
).map((vector) => [vector.id, Buffer.from(vector.text ?? '', 'latin1')]);

export function vector(id: string): Buffer {
  const found = VECTORS.find((each) => each.id === id);
  if (found === undefined) throw new Error(`no vector ${id}`);
  return found.text === undefined ? Buffer.from(found.hex ?? '', 'hex') : Buffer.from(found.text, 'latin1');
}

export function lines(...text: string[]): Buffer {
  return Buffer.from(`${text.join('\r\n')}\r\n\r\n`, 'latin1');
}

export const ID = '0ba62da7-ed50-dd07-95fa-ada9a03126c5';

/** A request of mstsc 10.0.22621: its field names in its order, with invented values. */
export const MSTSC_WEBSOCKET = lines(
  'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1',
  'Cache-Control: no-cache',
  'Connection: Upgrade',
  'Pragma: no-cache',
  'Upgrade: websocket',
  'Accept: */*',
  'User-Agent: MS-RDGateway/1.0',
  'RDG-Connection-Id: {5D4F8A0C-9B1E-4C3A-8D57-2E6F1A0B9C8D}',
  'RDG-Correlation-Id: {A1B2C3D4-E5F6-4711-8899-AABBCCDD0000}',
  'RDG-User-Id: bABhAGIAXABhAGwAaQBjAGUA',
  'RDG-Client-AppBuild: Type=OOB; Build=WinBuild Jan 01 2016 10.0.22621.3447;',
  'RDG-Client-Generation: Win32#10.0=7',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Host: gw.test:8443',
  'Authorization: Negotiate TlRMTVNTUAABAAAAt4II4gAAAAAAAAAAAAAAAAAAAAAKAGdYAAAADw==',
);

export const REAL_REQUESTS = [...CAPTURED_REQUESTS, ['mstsc', MSTSC_WEBSOCKET] as const];

/** A small valid IN request with further fields. */
export function inRequest(...more: string[]): Buffer {
  return lines('RDG_IN_DATA /remoteDesktopGateway/ HTTP/1.1', 'Host: gw.test', `RDG-Connection-Id: {${ID}}`, ...more);
}

export function headOf(bytes: Buffer, limits?: HeadLimits): RequestHead {
  const result = parseHead(bytes, limits);
  if (result.kind !== 'head') throw new Error('the head is not complete');
  return result.head;
}

/** The result or the error, in a form that `toEqual` can compare. */
export function outcome(read: () => HeadResult): unknown {
  try {
    const result = read();
    if (result.kind !== 'head') return result;
    const { headers, ...rest } = result.head;
    return { head: rest, headers: [...headers], rest: result.rest.toString('latin1') };
  } catch (error) {
    const { name, code, status } = error as { name: string; code: string; status: number };
    return { name, code, status };
  }
}

/** Byte sequences that two HTTP parsers have interpreted differently, and a few harmless ones. */
const HOSTILE = [
  '\r',
  '\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '"',
  '\x7f',
  '\x0b',
  '\xa0',
  '\xff',
  '\r\n',
  '\r\n\r\n',
  '\r\n ',
  '\n\n',
  '5',
  '+',
  '-',
  '0x',
  'Content-Length: 5\r\n',
  'Content-Length: 6\r\n',
  'Content-Length: 5, 5\r\n',
  'Content-Length : 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'transfer-encoding:\tchunked\r\n',
  'Transfer-Encoding: x, chunked\r\n',
  'Host: a\r\n',
  'Host: a, b\r\n',
  'Expect: 100-continue\r\n',
  'X: y\r\n',
  'X:\r\n',
  ': x\r\n',
  'HTTP/1.0',
  'HTTP/1.1',
  'HTTP/2.0',
  'http://a/',
  '*',
  '#',
  'Connection: close\r\n',
  '(x): y\r\n',
];

/**
 * A few edits of a text, half of them at the start of a line: each inserts a hostile sequence or removes some
 * characters.
 */
export function mutations(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(0xffff),
    atLine: fc.boolean(),
    cut: fc.constantFrom(0, 0, 1, 2),
    put: fc.constantFrom('', ...HOSTILE),
  });
  return fc.tuple(text, fc.array(edit, { maxLength: 4 })).map(([start, edits]) =>
    edits.reduce((before, { at, atLine, cut, put }) => {
      const positions = atLine ? [...before.matchAll(/\n(?=.)/g)].map((match) => match.index + 1) : [];
      const index = positions[at % (positions.length || 1)] ?? at % (before.length + 1);
      return before.slice(0, index) + put + before.slice(index + cut);
    }, start),
  );
}

/** Splits bytes at arbitrary positions. */
export function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const positions = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...positions].map((start, index) => bytes.subarray(start, positions[index]));
}
