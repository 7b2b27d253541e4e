import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HeadError } from '../../src/http/errors.js';
import { HEAD_LIMITS, HeadReader, parseHead, REQUEST_LINE_BYTES } from '../../src/http/head.js';
import {
  CAPTURED_REQUESTS,
  headOf,
  inRequest,
  lines,
  MSTSC_WEBSOCKET,
  mutations,
  outcome,
  REAL_REQUESTS,
  split,
  vector,
} from '../gateway/http/samples.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('heads of real clients', () => {
  it('are taken from at least ten captured requests', () => {
    expect(CAPTURED_REQUESTS.length).toBeGreaterThanOrEqual(10);
  });

  it.each(REAL_REQUESTS)('%s is parsed completely, with its lines in order', (_id, bytes) => {
    const result = parseHead(Buffer.concat([bytes, Buffer.from('next')]));
    if (result.kind !== 'head') throw new Error('the head is not complete');
    expect(result.rest.toString()).toBe('next');
    const [requestLine = '', ...fieldLines] = bytes.toString('latin1').trimEnd().split('\r\n');
    const { method, path, query, headers } = result.head;
    expect(`${method} ${path}${query && '?'}${query} HTTP/1.1`).toBe(requestLine);
    expect([...headers].map(([name, value]) => `${name}: ${value}`)).toEqual(
      fieldLines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())),
    );
  });

  it('the two IN requests differ in their body', () => {
    expect(headOf(vector('fr2-paa-dual-in-1-rdg-in-data')).body).toBe('none');
    expect(headOf(vector('fr2-paa-dual-in-3-rdg-in-data')).body).toBe('chunked');
  });

  it('the Sec-WebSocket-Key of FreeRDP 2, which is not base64, is kept', () => {
    expect(headOf(vector('fr2-paa-ws-1-rdg-out-data')).headers.get('sec-websocket-key')).toBe('F]MZNJMCY\\CF_R@');
  });

  it('a Kerberos ticket of 48 KiB is accepted', () => {
    const ticket = `Negotiate ${'A'.repeat(48 * 1024)}`;
    expect(headOf(inRequest(`Authorization: ${ticket}`)).headers.get('authorization')).toBe(ticket);
  });
});

describe('accepted heads', () => {
  it('field names in any case, whitespace around values, empty values, latin-1 in values', () => {
    const { headers } = headOf(inRequest('x-A:b', 'X-b: \t c d\t ', 'X-C:', 'X-D: \xe9\xa0'));
    expect([headers.get('x-a'), headers.get('x-b'), headers.get('x-c'), headers.get('x-d')]).toEqual([
      'b',
      'c d',
      '',
      '\xe9\xa0',
    ]);
  });

  it('repeated list fields, which are combined', () => {
    const { headers } = headOf(
      inRequest('Connection: keep-alive', 'connection: Upgrade', 'Cookie: a=1', 'Cookie: b=2'),
    );
    expect(headers.get('connection')).toBe('keep-alive, Upgrade');
    expect(headers.get('cookie')).toBe('a=1; b=2');
  });

  it('a field called __proto__', () => {
    expect(headOf(inRequest('__proto__: x')).headers.get('__proto__')).toBe('x');
  });

  it.each(['gw.test', 'gw.test:8443', '127.0.0.1:443', '[::1]:443', '[::1]', '::1', 'gw_1', 'gw.test:'])(
    'the host %s',
    (host) => {
      expect(headOf(lines('RDG_IN_DATA / HTTP/1.1', `Host: ${host}`)).headers.get('host')).toBe(host);
    },
  );

  it('Content-Length 0 (no body), Content-Length of a terabyte, chunked in any case', () => {
    for (const zero of ['0', '0, 0', '000', ' 0 ,\t0', '0,, 0,']) {
      expect(headOf(inRequest(`Content-Length: ${zero}`)).body).toBe('none');
    }
    expect(headOf(inRequest('Content-Length: 5', 'Content-Length: 5')).body).toEqual({ length: 5 });
    expect(headOf(inRequest('Content-Length: 5, 5', 'Content-Length: 5')).body).toEqual({ length: 5 });
    for (const huge of ['9007199254740993', '18446744073709551615', '9'.repeat(32)]) {
      expect(headOf(inRequest(`Content-Length: ${huge}`)).body).toEqual({ length: Number.MAX_SAFE_INTEGER });
    }
    expect(headOf(inRequest('Content-Length: 1099511627776')).body).toEqual({ length: 2 ** 40 });
    expect(headOf(inRequest('Transfer-Encoding: Chunked')).body).toBe('chunked');
  });

  it('a query, which is not decoded', () => {
    const head = headOf(lines('GET /remoteDesktopGateway/?ConId=%7Bx%7D&a=%ff&d?e HTTP/1.1', 'Host: gw'));
    expect(head).toMatchObject({ path: '/remoteDesktopGateway/', query: 'ConId=%7Bx%7D&a=%ff&d?e' });
    expect(headOf(lines('GET /? HTTP/1.1', 'Host: gw'))).toMatchObject({ path: '/', query: '' });
    expect(headOf(lines('GET / HTTP/1.1', 'Host: gw'))).toMatchObject({ path: '/', query: '' });
  });

  it('targets in absolute form, as proxies send them (RFC 9112 3.2.2)', () => {
    const read = (target: string) => headOf(lines(`GET ${target} HTTP/1.1`, 'Host: other'));
    expect(read('http://gw.test/a/b?c=d')).toMatchObject({ path: '/a/b', query: 'c=d' });
    expect(read('HTTPS://gw.test:8443/')).toMatchObject({ path: '/', query: '' });
    expect(read('https://[::1]:443?x')).toMatchObject({ path: '/', query: 'x' });
    expect(read('http://gw.test')).toMatchObject({ path: '/', query: '' });
    expect(headOf(lines('OPTIONS * HTTP/1.1', 'Host: x'))).toMatchObject({ path: '*', query: '' });
  });

  it('after empty lines (RFC 9112 2.2)', () => {
    for (const count of [1, 8]) {
      const bytes = Buffer.from(`${'\r\n'.repeat(count)}GET / HTTP/1.1\r\nHost: gw\r\n\r\n`);
      expect(headOf(bytes)).toMatchObject({ method: 'GET', path: '/' });
    }
  });

  it('of HTTP/1.0, with or without Host, and of later minor versions', () => {
    expect(headOf(lines('GET / HTTP/1.0'))).toMatchObject({ version: '1.0', close: true, body: 'none' });
    const old = lines(
      'GET / HTTP/1.0',
      'Host: gw',
      'Connection: keep-alive',
      'Content-Length: 5',
      'Expect: 100-continue',
    );
    expect(headOf(old)).toMatchObject({ version: '1.0', close: true, body: { length: 5 }, expectContinue: false });
    expect(headOf(lines('GET / HTTP/1.2', 'Host: gw'))).toMatchObject({ version: '1.1', close: false });
  });

  it('with the wish to end the connection', () => {
    for (const value of ['close', 'CLOSE', 'keep-alive , Close']) {
      expect(headOf(inRequest(`Connection: ${value}`)).close).toBe(true);
    }
    expect(headOf(inRequest('Connection: closed, x-close')).close).toBe(false);
  });

  it('Expect: 100-continue', () => {
    expect(headOf(inRequest('Expect: 100-Continue')).expectContinue).toBe(true);
    expect(headOf(inRequest()).expectContinue).toBe(false);
  });
});

const OUT = 'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1';
const HOST = 'Host: gw.test';

describe('rejected heads', () => {
  const twice = (line: string): [string, Buffer, string, number] => [
    `${line.split(':')[0]} twice`,
    lines(OUT, HOST, line, line),
    'HEAD_DUPLICATE',
    400,
  ];
  const rows: [what: string, bytes: Buffer, code: string, status: number][] = [
    ['a bare LF after the request line', Buffer.from(`${OUT}\n${HOST}\r\n\r\n`), 'HEAD_BARE_LF', 400],
    ['a bare LF after a field', Buffer.from(`${OUT}\r\n${HOST}\n\r\n`), 'HEAD_BARE_LF', 400],
    ['a bare LF as the empty line', Buffer.from(`${OUT}\r\n${HOST}\r\n\n`), 'HEAD_BARE_LF', 400],
    ['a bare CR in a value', lines(OUT, 'Host: gw\rX: y'), 'HEAD_BARE_CR', 400],
    ['two CRs before the LF', Buffer.from(`${OUT}\r\r\n${HOST}\r\n\r\n`), 'HEAD_BARE_CR', 400],
    ['a NUL in a value', lines(OUT, HOST, 'X: a\0b'), 'HEAD_NUL', 400],
    ['a NUL in the target', lines('RDG_OUT_DATA /\0 HTTP/1.1', HOST), 'HEAD_NUL', 400],
    ['a vertical tab in a value', lines(OUT, HOST, 'X: a\x0bb'), 'HEAD_CONTROL', 400],
    ['a DEL', lines(OUT, HOST, 'X: a\x7f'), 'HEAD_CONTROL', 400],
    ['space before the colon', lines(OUT, HOST, 'Content-Length : 5'), 'HEAD_SPACE_BEFORE_COLON', 400],
    ['tab before the colon', lines(OUT, HOST, 'Content-Length\t: 5'), 'HEAD_SPACE_BEFORE_COLON', 400],
    ['a folded field', lines(OUT, HOST, 'X: a', ' b'), 'HEAD_FOLDED', 400],
    ['a field folded by a tab', lines(OUT, HOST, 'X: a', '\tb'), 'HEAD_FOLDED', 400],
    ['a space before the first field', lines(OUT, ` ${HOST}`), 'HEAD_FOLDED', 400],
    ['a line of whitespace', lines(OUT, HOST, ' '), 'HEAD_FOLDED', 400],
    ['a field without colon', lines(OUT, HOST, 'Content-Length 5'), 'HEAD_FIELD_NAME', 400],
    ['a field without name', lines(OUT, HOST, ': x'), 'HEAD_FIELD_NAME', 400],
    ['a space inside a name', lines(OUT, HOST, 'X Y: z'), 'HEAD_FIELD_NAME', 400],
    ['a bracket in a name', lines(OUT, HOST, 'X[]: z'), 'HEAD_FIELD_NAME', 400],
    ['latin-1 in a name', lines(OUT, HOST, 'X\xe9: z'), 'HEAD_FIELD_NAME', 400],
    [
      'length and coding',
      lines(OUT, HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      'HEAD_LENGTH_AND_CODING',
      400,
    ],
    [
      'coding and length 0',
      lines(OUT, HOST, 'Transfer-Encoding: chunked', 'Content-Length: 0'),
      'HEAD_LENGTH_AND_CODING',
      400,
    ],
    ['two different lengths', lines(OUT, HOST, 'Content-Length: 5', 'content-length: 6'), 'HEAD_CONTENT_LENGTH', 400],
    ['two lengths in one field', lines(OUT, HOST, 'Content-Length: 5, 6'), 'HEAD_CONTENT_LENGTH', 400],
    ['two spellings of a length', lines(OUT, HOST, 'Content-Length: 5, 05'), 'HEAD_CONTENT_LENGTH', 400],
    ['a length and a word', lines(OUT, HOST, 'Content-Length: 5, x'), 'HEAD_CONTENT_LENGTH', 400],
    ['only commas for a length', lines(OUT, HOST, 'Content-Length: ,'), 'HEAD_CONTENT_LENGTH', 400],
    ['a length of too many digits', lines(OUT, HOST, `Content-Length: ${'1'.repeat(33)}`), 'HEAD_CONTENT_LENGTH', 400],
    ['a length with a plus', lines(OUT, HOST, 'Content-Length: +5'), 'HEAD_CONTENT_LENGTH', 400],
    ['a negative length', lines(OUT, HOST, 'Content-Length: -5'), 'HEAD_CONTENT_LENGTH', 400],
    ['a hexadecimal length', lines(OUT, HOST, 'Content-Length: 0x5'), 'HEAD_CONTENT_LENGTH', 400],
    ['a length with an exponent', lines(OUT, HOST, 'Content-Length: 1e3'), 'HEAD_CONTENT_LENGTH', 400],
    ['an empty length', lines(OUT, HOST, 'Content-Length:'), 'HEAD_CONTENT_LENGTH', 400],
    ['another coding', lines(OUT, HOST, 'Transfer-Encoding: gzip'), 'HEAD_TRANSFER_ENCODING', 501],
    ['two codings', lines(OUT, HOST, 'Transfer-Encoding: gzip, chunked'), 'HEAD_TRANSFER_ENCODING', 501],
    ['chunked twice', lines(OUT, HOST, 'Transfer-Encoding: chunked, chunked'), 'HEAD_TRANSFER_ENCODING', 501],
    ['identity coding', lines(OUT, HOST, 'Transfer-Encoding: identity'), 'HEAD_TRANSFER_ENCODING', 501],
    ['chunked after a vertical tab', lines(OUT, HOST, 'Transfer-Encoding: \x0bchunked'), 'HEAD_CONTROL', 400],
    [
      'chunked after a no-break space',
      lines(OUT, HOST, 'Transfer-Encoding: \xa0chunked'),
      'HEAD_TRANSFER_ENCODING',
      501,
    ],
    ['an empty coding', lines(OUT, HOST, 'Transfer-Encoding:'), 'HEAD_TRANSFER_ENCODING', 501],
    twice('Transfer-Encoding: chunked'),
    twice('Authorization: NTLM AAAA'),
    twice('Upgrade: websocket'),
    twice('Sec-WebSocket-Key: AAAA'),
    twice('Sec-WebSocket-Version: 13'),
    twice('RDG-Connection-Id: x'),
    twice('RDG-Auth-Scheme: PAA'),
    twice('Expect: 100-continue'),
    ['Host twice', lines(OUT, HOST, HOST), 'HEAD_DUPLICATE', 400],
    ['no Host', lines(OUT, 'X: y'), 'HEAD_NO_HOST', 400],
    ['no fields', lines(OUT), 'HEAD_NO_HOST', 400],
    ['an empty Host', lines(OUT, 'Host:'), 'HEAD_HOST', 400],
    ['two hosts in one field', lines(OUT, 'Host: a, b'), 'HEAD_HOST', 400],
    ['a Host with a path', lines(OUT, 'Host: a/b'), 'HEAD_HOST', 400],
    ['a Host with a user', lines(OUT, 'Host: a@b'), 'HEAD_HOST', 400],
    ['chunks over HTTP/1.0', lines('GET / HTTP/1.0', 'Transfer-Encoding: chunked'), 'HEAD_TRANSFER_ENCODING', 400],
    ['a malformed Host over HTTP/1.0', lines('GET / HTTP/1.0', 'Host: a/b'), 'HEAD_HOST', 400],
    ['HTTP/0.9', lines('GET / HTTP/0.9', HOST), 'HEAD_VERSION', 505],
    ['HTTP/2.0', lines('RDG_OUT_DATA / HTTP/2.0', HOST), 'HEAD_VERSION', 505],
    ['no version', lines('RDG_OUT_DATA /', HOST), 'HEAD_REQUEST_LINE', 400],
    ['a version in lower case', lines('RDG_OUT_DATA / http/1.1', HOST), 'HEAD_REQUEST_LINE', 400],
    ['two spaces before the target', lines('RDG_OUT_DATA  / HTTP/1.1', HOST), 'HEAD_REQUEST_LINE', 400],
    ['a space in the target', lines('RDG_OUT_DATA /a b HTTP/1.1', HOST), 'HEAD_REQUEST_LINE', 400],
    ['a space after the version', lines('RDG_OUT_DATA / HTTP/1.1 ', HOST), 'HEAD_REQUEST_LINE', 400],
    ['a tab in the request line', lines('RDG_OUT_DATA\t/ HTTP/1.1', HOST), 'HEAD_REQUEST_LINE', 400],
    [
      'too many empty lines first',
      Buffer.from(`${'\r\n'.repeat(9)}${OUT}\r\n${HOST}\r\n\r\n`),
      'HEAD_REQUEST_LINE',
      400,
    ],
    ['an empty line that is a bare LF first', Buffer.from(`\n${OUT}\r\n${HOST}\r\n\r\n`), 'HEAD_BARE_LF', 400],
    ['an absolute target without Host', lines('GET http://gw.test/ HTTP/1.1'), 'HEAD_NO_HOST', 400],
    ['an absolute target of another scheme', lines('GET ftp://gw.test/ HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['an absolute target without a name', lines('GET http:///x HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['an absolute target with a user', lines('GET http://a@b/x HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['an absolute target with a fragment', lines('GET http://gw.test/#x HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['an authority as target', lines('CONNECT gw.test:443 HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['an asterisk as target of another method', lines('GET * HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['a fragment', lines('RDG_OUT_DATA /#x HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['latin-1 in the target', lines('RDG_OUT_DATA /\xe9 HTTP/1.1', HOST), 'HEAD_TARGET', 400],
    ['another expectation', lines(OUT, HOST, 'Expect: 200-ok'), 'HEAD_EXPECT', 417],
  ];

  it.each(rows)('%s', (_what, bytes, code, status) => {
    expect(outcome(() => parseHead(bytes))).toEqual({ name: 'HeadError', code, status });
  });

  it('a request line that is too long, before its end arrives', () => {
    const start = Buffer.from(`RDG_OUT_DATA /${'a'.repeat(REQUEST_LINE_BYTES)}`);
    expect(outcome(() => parseHead(start))).toMatchObject({ code: 'HEAD_REQUEST_LINE_TOO_LONG', status: 414 });
  });

  it('a head that is one byte too long, but not the longest allowed', () => {
    const bytes = inRequest('X: y');
    const limits = { ...HEAD_LIMITS, headBytes: bytes.length };
    expect(headOf(bytes, limits).headers.get('x')).toBe('y');
    const less = { ...limits, headBytes: bytes.length - 1 };
    expect(outcome(() => parseHead(bytes, less))).toMatchObject({ code: 'HEAD_TOO_LARGE', status: 431 });
    expect(outcome(() => parseHead(Buffer.alloc(200, 'a'), { ...limits, headBytes: 100 }))).toMatchObject({
      code: 'HEAD_TOO_LARGE',
    });
  });

  it('a field that is too long', () => {
    const start = Buffer.concat([Buffer.from(`${OUT}\r\nX: `), Buffer.alloc(HEAD_LIMITS.headBytes, 'a')]);
    expect(outcome(() => parseHead(start))).toMatchObject({ code: 'HEAD_TOO_LARGE', status: 431 });
  });

  it('one field too many, counting repeated ones, but not the most allowed', () => {
    const limits = { ...HEAD_LIMITS, headFields: 3 };
    expect(headOf(lines(OUT, HOST, 'X: 1', 'X: 2'), limits).headers.get('x')).toBe('1, 2');
    expect(outcome(() => parseHead(lines(OUT, HOST, 'X: 1', 'X: 2', 'X: 3'), limits))).toMatchObject({
      code: 'HEAD_TOO_MANY_FIELDS',
      status: 431,
    });
  });

  it('with what is known of them, up to their error', () => {
    const start = (bytes: Buffer | string) => {
      const reader = new HeadReader({ headBytes: 400, headFields: 3 });
      expect(() => reader.push(Buffer.from(bytes))).toThrow(HeadError);
      const { method, path, query, headers } = reader.start;
      return [method, path, query, headers.get('x')];
    };
    expect(start('RDG_OUT_DATA /a?b HTTP/1.1\r\nX: 1\0')).toEqual(['RDG_OUT_DATA', '/a', 'b', undefined]);
    expect(start(lines('RDG_OUT_DATA /a?b HTTP/1.1', 'X: 1', 'Y'))).toEqual(['RDG_OUT_DATA', '/a', 'b', '1']);
    expect(start(lines('RDG_OUT_DATA /a HTTP/1.1', 'X: 1', 'A: 2', 'B: 3', 'C: 4'))[3]).toBe('1');
    expect(start(`RDG_IN_DATA /a?${'b'.repeat(400)}`)).toEqual(['RDG_IN_DATA', '/a', 'b'.repeat(241), undefined]);
    expect(start('RDG_IN_DATA /a?b HTTP/3.0\r\n')).toEqual(['RDG_IN_DATA', '/a', 'b', undefined]);
    expect(start('RPC_IN_DATA /a?b\0 HTTP/1.1')).toEqual(['RPC_IN_DATA', '/a', 'b', undefined]);
    expect(start('\r\n\0')).toEqual(['', '', '', undefined]);
    expect(start('\x16\x03\x01')).toEqual(['', '', '', undefined]);
  });

  it('with a message that contains no bytes of the request', () => {
    for (const line of ['Authorization : NTLM secret', 'secret', 'X: secret\0', 'Host: secret/']) {
      expect(() => parseHead(lines(OUT, line))).toThrow(/^(?!.*secret)/);
    }
  });
});

describe('a head in pieces', () => {
  const inPieces = (pieces: Buffer[]) => () => {
    const reader = new HeadReader();
    for (const [index, piece] of pieces.entries()) {
      const result = reader.push(piece);
      if (result.kind === 'head') {
        return { ...result, rest: Buffer.concat([result.rest, ...pieces.slice(index + 1)]) };
      }
    }
    return { kind: 'need-more' } as const;
  };
  const real = fc.constantFrom(...REAL_REQUESTS.map(([, bytes]) => bytes.toString('latin1')));

  it('has the same result or error for every split', () => {
    fc.assert(
      fc.property(mutations(real), fc.array(fc.nat(2000), { maxLength: 12 }), (text, cuts) => {
        const bytes = Buffer.from(`${text}0123`, 'latin1');
        expect(outcome(inPieces(split(bytes, cuts)))).toEqual(outcome(() => parseHead(bytes)));
      }),
      { numRuns: 500 },
    );
  });

  it('has the same result byte by byte, and none before the last byte', () => {
    for (const [, bytes] of REAL_REQUESTS) {
      expect(outcome(inPieces(split(bytes, [...bytes.keys()])))).toEqual(outcome(() => parseHead(bytes)));
      for (let end = 0; end < bytes.length; end++) {
        expect(parseHead(bytes.subarray(0, end)).kind).toBe('need-more');
      }
    }
  });

  it('is read in linear time: each byte is copied and decoded a bounded number of times', () => {
    const bytes = inRequest(`Authorization: Negotiate ${'A'.repeat(60_000)}`);
    let copied = 0;
    let decoded = 0;
    const copy = Buffer.prototype.copy;
    const toText = Buffer.prototype.toString;
    vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...given) {
      const count = copy.apply(this, given);
      copied += count;
      return count;
    });
    vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...given) {
      const text = toText.apply(this, given);
      decoded += text.length;
      return text;
    });
    const concat = vi.spyOn(Buffer, 'concat');
    const reader = new HeadReader();
    const piece = Buffer.alloc(1);
    let results = 0;
    for (const byte of bytes) {
      piece[0] = byte;
      if (reader.push(piece).kind === 'head') results++;
    }
    vi.restoreAllMocks();
    expect(results).toBe(1);
    expect(concat).not.toHaveBeenCalled();
    expect(decoded).toBeLessThanOrEqual(bytes.length);
    expect(copied).toBeGreaterThanOrEqual(bytes.length);
    expect(copied).toBeLessThanOrEqual(4 * bytes.length);
  });
});

describe('hostile bytes', () => {
  it('result in a head, need-more or a HeadError', () => {
    const text = fc.oneof(
      mutations(fc.constantFrom(MSTSC_WEBSOCKET.toString('latin1'), inRequest('Content-Length: 5').toString('latin1'))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    fc.assert(
      fc.property(text, (sent) => {
        try {
          expect(['head', 'need-more']).toContain(parseHead(Buffer.from(sent, 'latin1')).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(HeadError);
          expect((error as HeadError).status).toBeGreaterThanOrEqual(400);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
