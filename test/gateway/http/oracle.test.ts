import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyDecoder } from '../../../src/http/body.js';
import { encodeChunk, LAST_CHUNK } from '../../../src/http/chunked.js';
import { BodyError, HeadError } from '../../../src/http/errors.js';
import { parseHead } from '../../../src/http/head.js';
import { Oracle } from './oracle.js';
import { lines, mutations, REAL_REQUESTS } from './samples.js';

const oracle = new Oracle();
beforeAll(() => oracle.listen());
afterAll(() => oracle.close());

/** The request and its body as the gateway reads them; `body` is undefined if it is not complete. */
function read(
  bytes: Buffer,
): { path: string; query: string; headers: ReadonlyMap<string, string>; body: Buffer | undefined } | undefined {
  try {
    const result = parseHead(bytes);
    if (result.kind !== 'head') return undefined;
    const { path, query, headers, body: framing } = result.head;
    const decoder = bodyDecoder(framing);
    let payload = Buffer.alloc(0);
    try {
      payload = Buffer.from(decoder.write(Buffer.from(result.rest)));
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
    }
    return { path, query, headers, body: decoder.done ? payload : undefined };
  } catch (error) {
    if (error instanceof HeadError) return undefined;
    throw error;
  }
}

/** node:http supports no RDG methods, and gives up the socket of an upgrade. */
const asPost = (bytes: Buffer): string =>
  bytes.toString('latin1').replace(/^\w+/, 'POST').replace('Upgrade: websocket\r\n', '');

const BODY = 'POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n';
const CHUNKED_BODIES = [
  '5\r\nhello\r\n1;a=b;c\r\n,\r\n0\r\n\r\n',
  'A\r\n0123456789\r\n00000a;q="x\\"y"\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
];

/** The path and the query of a target in origin or absolute form. */
function splitTarget(target = ''): { path: string; query: string } {
  const [path = '', ...query] = target.replace(/^https?:\/\/[^/?]+/i, '').split('?');
  return { path: path || '/', query: query.join('?') };
}

/**
 * The same request without what RFC 9112 allows and node:http refuses: equal lengths that are repeated count once (6.3),
 * a length above 2^64 is a length, later minor versions are 1.1 (RFC 9110 2.5).
 */
function canonical(text: string): string {
  const end = text.indexOf('\r\n\r\n');
  const [requestLine = '', ...fields] = text.slice(0, end).split('\r\n');
  const isLength = (line: string): boolean => /^content-length:/i.test(line);
  const lengths = fields.filter(isLength).flatMap((line) => line.slice(line.indexOf(':') + 1).split(','));
  const values = new Set(
    lengths.map((length) => length.replace(/^[ \t]+|[ \t]+$/g, '')).filter((length) => length !== ''),
  );
  const length =
    values.size === 1 ? [`Content-Length: ${[...values].join().replace(/^\d{20,}$/, '9'.repeat(18))}`] : [];
  const others = values.size === 1 ? fields.filter((line) => !isLength(line)) : fields;
  return [requestLine.replace(/HTTP\/1\.[2-9]$/, 'HTTP/1.1'), ...others, ...length].join('\r\n') + text.slice(end);
}

/**
 * Reads every text with both parsers: node:http must accept every request that the gateway accepts, with the same
 * result.
 */
async function compare(texts: readonly string[]): Promise<{ accepted: number; refused: number; ended: number }> {
  const count = { accepted: 0, refused: 0, ended: 0 };
  for (const text of texts) {
    // node:http knows only some methods, and gives up the socket of CONNECT.
    if (!/^(?:\r\n)*POST /.test(text)) continue;
    const bytes = Buffer.from(text, 'latin1');
    const own = read(bytes);
    if (own === undefined) {
      count.refused++;
      continue;
    }
    count.accepted++;
    const reference = await oracle.parse(Buffer.from(canonical(text), 'latin1'));
    const label = JSON.stringify(text);
    expect(splitTarget(reference.head?.url), label).toEqual({ path: own.path, query: own.query });
    for (const [name, value] of own.headers) {
      if (name !== 'set-cookie' && name !== 'content-length' && reference.head?.headers[name] !== undefined) {
        // node:http keeps only the first of some repeated fields, which have no effect on the framing.
        expect(value.startsWith(String(reference.head.headers[name])), `${name} in ${label}`).toBe(true);
      }
    }
    expect([...own.headers.keys()].sort(), label).toEqual(Object.keys(reference.head?.headers ?? {}).sort());
    if (own.body === undefined) continue;
    count.ended++;
    expect(reference.body?.toString('latin1'), label).toBe(own.body.toString('latin1'));
  }
  return count;
}

describe('compared with node:http', () => {
  it('the reference parser refuses invalid heads and reads bodies', async () => {
    const wrong = lines('POST / HTTP/1.1', 'Host: gw', 'Content-Length: 1', 'Transfer-Encoding: chunked');
    expect(await oracle.parse(wrong)).toEqual({ head: undefined, body: undefined });
    expect((await oracle.parse(Buffer.from(`${BODY}5\r\nhel`))).body).toBeUndefined();
    expect(String((await oracle.parse(Buffer.from(`${BODY}1\r\nx\r\n0\r\n\r\n`))).body)).toBe('x');
  });

  it('real heads are read alike', async () => {
    const count = await compare(REAL_REQUESTS.map(([, bytes]) => asPost(bytes)));
    expect(count).toMatchObject({ accepted: REAL_REQUESTS.length, refused: 0 });
  });

  it('encoded chunks are read', async () => {
    const payloads = fc.sample(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), { numRuns: 30, seed: 3 });
    for (const parts of payloads) {
      const chunks = parts.map((part) => encodeChunk(Buffer.from(part)));
      const { body } = await oracle.parse(Buffer.concat([Buffer.from(BODY), ...chunks, LAST_CHUNK]));
      expect(body).toEqual(Buffer.concat(parts));
    }
  });

  it('no mutated head is accepted that node:http refuses or reads differently', async () => {
    const heads = fc.constantFrom(
      ...REAL_REQUESTS.map(([, bytes]) => asPost(bytes)),
      `${lines('POST /a?b HTTP/1.1', 'Host: gw', 'Content-Length: 5', 'X: y')}hello`,
      `${BODY}${CHUNKED_BODIES[0]}`,
      `\r\n${lines('POST http://gw/a?b HTTP/1.1', 'Host: gw', 'Content-Length: 5')}hello`,
      lines('POST / HTTP/1.0', 'Content-Length: 0').toString(),
    );
    const count = await compare(fc.sample(mutations(heads), { numRuns: 1000, seed: 1 }));
    expect(count.accepted).toBeGreaterThan(100);
    expect(count.refused).toBeGreaterThan(100);
    expect(count.ended).toBeGreaterThan(50);
  });

  it('no mutated chunked body has another end', async () => {
    const bodies = mutations(fc.constantFrom(...CHUNKED_BODIES)).map((body) => BODY + body);
    const count = await compare(fc.sample(bodies, { numRuns: 1000, seed: 2 }));
    expect(count.ended).toBeGreaterThan(100);
    expect(count.accepted - count.ended).toBeGreaterThan(100);
  });
});
