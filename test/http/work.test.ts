/** What an unauthenticated client may send costs a bounded number of steps for each byte. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { idsOf, isGatewayPath, rdgRequest } from '../../src/gateway/http/request.js';
import { ChunkedDecoder } from '../../src/http/chunked.js';
import { BodyError, HeadError } from '../../src/http/errors.js';
import { HeadReader, REQUEST_LINE_BYTES } from '../../src/http/head.js';
import { lines } from '../gateway/http/samples.js';
import { countWork, type WorkCounter } from '../support/work.js';

const OWN_CODE = /\/src\/(?:gateway\/)?http\/\w+\.ts$/;
/** Blocks of code for each byte: those of the line reader, and of a query that is read twice, once for the log. */
const BLOCKS_PER_BYTE = 15;
/** Blocks for a head of any size. */
const BLOCKS_PER_HEAD = 4000;
const PATH = '/remoteDesktopGateway/';
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: k'];

/** Reads a head as the gateway does, and what the log would have of it. */
function readHead(bytes: Buffer): string {
  const reader = new HeadReader();
  try {
    const result = reader.push(bytes);
    if (result.kind !== 'head') return result.kind;
    rdgRequest(result.head);
    return 'request';
  } catch (error) {
    if (!(error instanceof HeadError)) throw error;
    idsOf(reader.start);
    return error.code;
  }
}

const out = (target: string, ...fields: string[]): Buffer =>
  lines(`RDG_OUT_DATA ${target} HTTP/1.1`, 'Host: gw', ...fields);
const id = 'RDG-Connection-Id: 0ba62da7-ed50-dd07-95fa-ada9a03126c5';
/** Fills a request line. */
const inTarget = (unit: string): string => unit.repeat((REQUEST_LINE_BYTES - 60) / unit.length);
/** Fills a field. */
const inField = (unit: string): string => unit.repeat(60_000 / unit.length);

const HEADS: readonly [string, Buffer][] = [
  ...['%ff&', '&', '=&', 'ConId=x&', 'UsrId=%ff&', '%43onId=%', 'ConId=%ff%', '='].map((unit): [string, Buffer] => [
    `a query of ${unit}`,
    out(`${PATH}?${inTarget(unit)}`),
  ]),
  ['a long value in the query', out(`${PATH}?UsrId=${inTarget('%ff')}`)],
  ['another path with a query', out(`/x?${inTarget('%ff&')}`)],
  ...['a', 'websocket', 'websocketx,', ', ,', 'upgrade;', ' \t'].flatMap((unit): [string, Buffer][] => [
    [`Upgrade: ${unit}…`, out(PATH, id, `Upgrade: x${inField(unit)}x`, ...UPGRADE.slice(0, 1))],
    [`Connection: ${unit}…`, out(PATH, id, `Connection: x${inField(unit)}x`, ...UPGRADE.slice(1, 2))],
    [`Sec-WebSocket-Protocol: ${unit}…`, out(PATH, id, `Sec-WebSocket-Protocol: x${inField(unit)}`, ...UPGRADE)],
  ]),
  ['a repeated list field', out(PATH, id, ...UPGRADE, ...Array.from({ length: 90 }, () => `A: ${'a, '.repeat(200)}`))],
  ...['a', '1.', 'a:', ':', '%', '['].map((unit): [string, Buffer] => [
    `Host: ${unit}…`,
    lines(`RDG_OUT_DATA ${PATH} HTTP/1.1`, `Host: ${inField(unit)}`),
  ]),
  ...['RDG-User-Id', 'RDG-Connection-Id', 'RDG-Auth-Scheme', 'Authorization', 'RDG-Client-AppBuild', 'Expect'].map(
    (name): [string, Buffer] => [
      `${name}: A…`,
      out(PATH, name === 'RDG-Connection-Id' ? 'X: y' : id, `${name}: ${inField('A ')}`),
    ],
  ),
  ['a field name', out(PATH, `${inField('a')}`)],
  ['white space before a colon', out(PATH, `${inField('a ')}:`)],
  ['lengths', out(PATH, id, `Content-Length: ${inField('0, ')}0`)],
  ['zeros of a length', out(PATH, id, `Content-Length: ${inField('0')}`)],
  ['empty lines', Buffer.from('\r\n'.repeat(30_000))],
  ['slashes', out(inTarget('/'))],
  ['an absolute target', out(`http://${inTarget('a')}`)],
  ['paths of ours', out(inTarget('/remoteDesktopGateway'))],
];

let work: WorkCounter;
beforeAll(async () => {
  work = await countWork();
});
afterAll(() => work.stop());
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('the work for a head grows with its bytes and no faster', () => {
  it.each(HEADS)('%s', async (_, bytes) => {
    const blocks = await work.of(OWN_CODE, () => readHead(bytes));
    expect(blocks).toBeGreaterThan(0);
    expect(blocks).toBeLessThan(BLOCKS_PER_HEAD + BLOCKS_PER_BYTE * bytes.length);
  });

  it('in the same native functions: no general decoder of queries is called', () => {
    const params = vi.fn();
    const decode = vi.fn();
    vi.stubGlobal('URLSearchParams', params);
    vi.stubGlobal('decodeURIComponent', decode);
    for (const [, bytes] of HEADS) readHead(bytes);
    expect(params).not.toHaveBeenCalled();
    expect(decode).not.toHaveBeenCalled();
  });
});

describe('the work for a chunked body grows with its bytes and no faster', () => {
  it.each([
    ['chunks of one byte', '1\r\nx\r\n'.repeat(10_000)],
    ['extensions', `1${';a="b\\""'.repeat(25)}\r\nx\r\n`.repeat(250)],
    ['zeros', `${'0'.repeat(250)}1\r\nx\r\n`.repeat(200)],
    ['short trailers', `0\r\n${'X:\r\n'.repeat(2000)}`],
    ['a long trailer', `0\r\nX: ${' \t'.repeat(4000)}\r\n`],
    ['a long name', `0\r\n${'a'.repeat(8000)}\r\n`],
  ])('%s', async (_, text) => {
    const read = (piece: number) => (): void => {
      const decoder = new ChunkedDecoder();
      try {
        for (let at = 0; at < text.length; at += piece) decoder.write(Buffer.from(text.slice(at, at + piece)));
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
      }
    };
    read(1)();
    expect(await work.of(OWN_CODE, read(text.length))).toBeLessThan(BLOCKS_PER_HEAD + BLOCKS_PER_BYTE * text.length);
    expect(await work.of(OWN_CODE, read(1))).toBeLessThan(BLOCKS_PER_HEAD + 3 * BLOCKS_PER_BYTE * text.length);
  });
});

it('a path that is another one is refused before the query is looked at', async () => {
  const bytes = out(`/x?${inTarget('ConId=%ff&')}`);
  const reader = new HeadReader();
  const result = reader.push(bytes);
  if (result.kind !== 'head') throw new Error(result.kind);
  expect(await work.of(/\/src\/http\/query\.ts$/, () => expect(() => rdgRequest(result.head)).toThrow(/path/))).toBe(0);
  expect(isGatewayPath(`${PATH}${'/'.repeat(60_000)}`)).toBe(false);
});
