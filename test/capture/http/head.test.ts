import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  headerValue,
  headerValues,
  MAX_HEADERS,
  parseRequest,
  parseResponse,
  requestFraming,
  responseFraming,
} from '../../../src/capture/http/head.js';
import { HeadReader, MAX_HEAD_BYTES } from '../../../src/capture/http/head-reader.js';
import { HTTP, httpBytes } from './vectors.js';

describe('heads of real clients and gateways', () => {
  it.each(HTTP.filter(({ kind }) => kind === 'request-head').map(({ id }) => id))('%s', (id) => {
    const bytes = httpBytes(id);
    const head = parseRequest(bytes);
    expect(head).toMatchObject({ target: '/remoteDesktopGateway/', version: '1.1', length: bytes.length, odd: 0 });
    expect(head?.method).toMatch(/^RDG_(?:IN|OUT)_DATA$/);
    expect(headerValue(head?.headers ?? [], 'user-agent')).toBe('MS-RDGateway/1.0');
    const lines = bytes.toString('latin1').trimEnd().split('\r\n').slice(1);
    expect(head?.headers.map(([name, value]) => `${name}: ${value}`)).toEqual(lines);
  });

  it.each(HTTP.filter(({ kind }) => kind === 'response-head').map(({ id }) => id))('%s', (id) => {
    const head = parseResponse(httpBytes(id));
    expect(head?.status).toBe(Number(/HTTP\/1.1 (\d+)/.exec(httpBytes(id).toString())?.[1]));
    expect(head?.odd).toBe(0);
  });
});

describe('leniency', () => {
  it('takes bare line feeds, folded lines and odd spaces', () => {
    const head = parseRequest(text('GET  /a b?c HTTP/1.0\nA:1\n  and 2\nB :\t3 \nno colon\n\n'));
    expect(head).toMatchObject({ method: 'GET', target: '/a b?c', version: '1.0', odd: 1 });
    expect(head?.headers).toEqual([
      ['A', '1 and 2'],
      ['B', '3'],
    ]);
  });

  it('takes a status line without a reason', () => {
    expect(parseResponse(text('HTTP/1.1 200\r\n\r\n'))).toMatchObject({ status: 200, reason: '' });
    expect(parseResponse(text('HTTP/1.1 404 Not Found \r\n\r\n'))).toMatchObject({ reason: 'Not Found' });
  });

  it('rejects a malformed first line', () => {
    expect(parseRequest(text('GET /\r\n\r\n'))).toBeUndefined();
    expect(parseRequest(text(' HTTP/1.1\r\n\r\n'))).toBeUndefined();
    expect(parseResponse(text('HTTP/1.1 20\r\n\r\n'))).toBeUndefined();
  });

  it('keeps a limited number of headers', () => {
    const head = parseRequest(text(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(MAX_HEADERS + 5)}\r\n`));
    expect(head?.headers).toHaveLength(MAX_HEADERS);
    expect(head?.odd).toBe(5);
    expect(headerValues(head?.headers ?? [], 'a')).toHaveLength(MAX_HEADERS);
  });
});

describe('the framing of a body (RFC 9112 6.3)', () => {
  const response = (rest: string) => parseResponse(text(`HTTP/1.1 ${rest}\r\n\r\n`)) ?? expect.fail(rest);

  it('of a request', () => {
    expect(requestFraming([])).toBe('none');
    expect(requestFraming([['content-length', '0']])).toBe('none');
    expect(requestFraming([['Content-Length', '1073741824']])).toEqual({ length: 1073741824 });
    expect(
      requestFraming([
        ['Content-Length', '5'],
        ['transfer-encoding', 'gzip, Chunked'],
      ]),
    ).toBe('chunked');
    expect(requestFraming([['Content-Length', 'many']])).toBe('none');
  });

  it('of a response', () => {
    expect(responseFraming(response('200 OK'), 'RDG_OUT_DATA')).toBe('until close');
    expect(responseFraming(response('200 OK'), 'HEAD')).toBe('none');
    expect(responseFraming(response('204 No'), 'GET')).toBe('none');
    expect(responseFraming(response('100 Continue'), 'GET')).toBe('none');
    expect(responseFraming(response('401 No\r\nContent-Length: 341'), 'RDG_IN_DATA')).toEqual({ length: 341 });
  });
});

describe('the head reader', () => {
  it('ends at the empty line, in any split', () => {
    const wire = text(`\r\n\nGET / HTTP/1.1\r\nA: ${'b'.repeat(3000)}\n\r\nrest`);
    for (const size of [1, 2, 3, 1000, wire.length]) {
      const reader = new HeadReader('client');
      let head: string | undefined;
      let rest = '';
      for (let at = 0; at < wire.length; at += size) {
        const piece = wire.subarray(at, at + size);
        if (head !== undefined) rest += piece.toString();
        else {
          const found = reader.push(piece);
          head = found.head?.toString();
          rest += found.rest.toString();
        }
      }
      expect(head).toMatch(/^GET .*b\n\r\n$/s);
      expect(rest).toBe('rest');
    }
  });

  it('rejects bytes that are not a head as early as possible', () => {
    const reasonFor = (from: 'client' | 'server', bytes: Buffer) => new HeadReader(from).push(bytes).why;
    expect(reasonFor('client', Buffer.from([0x82]))).toBe('not a head');
    expect(reasonFor('client', text('SSH-2.0-OpenSSH_9\r\n'))).toBe('not a head');
    expect(reasonFor('client', text('A'.repeat(33)))).toBe('not a head');
    expect(reasonFor('client', text('RDG_OUT'))).toBeUndefined();
    expect(reasonFor('server', text('HTTX'))).toBe('not a head');
    expect(reasonFor('server', text('HTT'))).toBeUndefined();
  });

  it('limits the length of a head', () => {
    const reader = new HeadReader('client');
    const first = reader.push(text(`GET / HTTP/1.1\r\nA: ${'b'.repeat(MAX_HEAD_BYTES)}`));
    expect(first.why).toBe('too long');
    expect(first.refused).toHaveLength(MAX_HEAD_BYTES);
    expect(first.rest.length).toBeGreaterThan(0);
    expect(reader.pending).toBe(0);
  });

  it('takes linear time on hostile lines', () => {
    // Quadratic time on these inputs would exceed the time limit of the test.
    expect(parseRequest(text(`GET ${' '.repeat(100_000)}HTTP/1.1\r\n\r\n`))?.method).toBe('GET');
    expect(parseResponse(text(`HTTP/1.1 ${' '.repeat(100_000)}\r\n\r\n`))).toBeUndefined();
    const reader = new HeadReader('client');
    for (const byte of text(`GET / HTTP/1.1\r\n${'a\n'.repeat(60_000)}`)) reader.push(Buffer.from([byte]));
    expect(reader.pending).toBeGreaterThan(100_000);
  });

  it('never throws', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string().map((line) => text(`GET ${line}\r\n\r\n`)),
    );
    fc.assert(
      fc.property(bytes, (any) => {
        parseRequest(Buffer.from(any));
        parseResponse(Buffer.concat([text('HTTP/1.1 200 '), any]));
      }),
    );
  });
});

function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}
