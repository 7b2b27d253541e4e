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

/** What we make of a request and its body; `body` is undefined where it does not come to its end. */
function read(
  bytes: Buffer,
): { url: string; headers: ReadonlyMap<string, string>; body: Buffer | undefined } | undefined {
  try {
    const result = parseHead(bytes);
    if (result.kind !== 'head') return undefined;
    const { target: url, headers, body: framing } = result.head;
    const decoder = bodyDecoder(framing);
    let payload = Buffer.alloc(0);
    try {
      payload = Buffer.from(decoder.write(Buffer.from(result.rest)));
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
    }
    return { url, headers, body: decoder.done ? payload : undefined };
  } catch (error) {
    if (error instanceof HeadError) return undefined;
    throw error;
  }
}

/** node:http knows no RDG methods, and with an upgrade it hands the socket away. */
const asPost = (bytes: Buffer): string =>
  bytes.toString('latin1').replace(/^\w+/, 'POST').replace('Upgrade: websocket\r\n', '');

const BODY = 'POST / HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n';
const CHUNKS = [
  '5\r\nhello\r\n1;a=b;c\r\n,\r\n0\r\n\r\n',
  'A\r\n0123456789\r\n00000a;q="x\\"y"\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
];

/** Judges every text with both readers; what we take, node:http must take, and read alike. */
async function compare(texts: readonly string[]): Promise<{ taken: number; refused: number; ended: number }> {
  const count = { taken: 0, refused: 0, ended: 0 };
  for (const text of texts) {
    // Another method is no business of this parser: `classify` has seen to it.
    if (!text.startsWith('POST ')) continue;
    const bytes = Buffer.from(text, 'latin1');
    const ours = read(bytes);
    if (ours === undefined) {
      count.refused++;
      continue;
    }
    count.taken++;
    const theirs = await oracle.ask(bytes);
    const shown = JSON.stringify(text);
    expect(theirs.head?.url, shown).toBe(ours.url);
    for (const [name, value] of ours.headers) {
      if (name !== 'set-cookie' && theirs.head?.headers[name] !== undefined) {
        // node:http keeps the first of some repeated fields that decide nothing here.
        expect(value.startsWith(String(theirs.head.headers[name])), `${name} in ${shown}`).toBe(true);
      }
    }
    expect([...ours.headers.keys()].sort(), shown).toEqual(Object.keys(theirs.head?.headers ?? {}).sort());
    if (ours.body === undefined) continue;
    count.ended++;
    expect(theirs.body?.toString('latin1'), shown).toBe(ours.body.toString('latin1'));
  }
  return count;
}

describe('next to node:http', () => {
  it('the oracle does refuse, and does see bodies', async () => {
    const wrong = lines('POST / HTTP/1.1', 'Host: gw', 'Content-Length: 1', 'Transfer-Encoding: chunked');
    expect(await oracle.ask(wrong)).toEqual({ head: undefined, body: undefined });
    expect((await oracle.ask(Buffer.from(`${BODY}5\r\nhel`))).body).toBeUndefined();
    expect(String((await oracle.ask(Buffer.from(`${BODY}1\r\nx\r\n0\r\n\r\n`))).body)).toBe('x');
  });

  it('real heads mean the same', async () => {
    const count = await compare(REAL_REQUESTS.map(([, bytes]) => asPost(bytes)));
    expect(count).toMatchObject({ taken: REAL_REQUESTS.length, refused: 0 });
  });

  it('chunks of ours are read', async () => {
    const payloads = fc.sample(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), { numRuns: 30, seed: 3 });
    for (const parts of payloads) {
      const chunks = parts.map((part) => encodeChunk(Buffer.from(part)));
      const { body } = await oracle.ask(Buffer.concat([Buffer.from(BODY), ...chunks, LAST_CHUNK]));
      expect(body).toEqual(Buffer.concat(parts));
    }
  });

  it('no mutated head is taken that node:http refuses or reads otherwise', async () => {
    const heads = fc.constantFrom(
      ...REAL_REQUESTS.map(([, bytes]) => asPost(bytes)),
      `${lines('POST /a?b HTTP/1.1', 'Host: gw', 'Content-Length: 5', 'X: y')}hello`,
      `${BODY}${CHUNKS[0]}`,
    );
    const count = await compare(fc.sample(mutations(heads), { numRuns: 1000, seed: 1 }));
    expect(count.taken).toBeGreaterThan(100);
    expect(count.refused).toBeGreaterThan(100);
    expect(count.ended).toBeGreaterThan(50);
  });

  it('no mutated chunked body comes to another end', async () => {
    const bodies = mutations(fc.constantFrom(...CHUNKS)).map((body) => BODY + body);
    const count = await compare(fc.sample(bodies, { numRuns: 1000, seed: 2 }));
    expect(count.ended).toBeGreaterThan(100);
    expect(count.taken - count.ended).toBeGreaterThan(100);
  });
});
