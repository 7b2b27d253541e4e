/** Request heads: the socket reader, the head parser, and the interpretation of gateway requests. */
import { PassThrough } from 'node:stream';
import { readRequest } from '../../../src/gateway/http/reader.js';
import { idsOf, isForGateway, MAX_LOG_TEXT, rdgRequest } from '../../../src/gateway/http/request.js';
import { HeadError } from '../../../src/http/errors.js';
import { HeadReader, REQUEST_LINE_BYTES, type RequestHead } from '../../../src/http/head.js';
import { inRequest, lines, REAL_REQUESTS } from '../../gateway/http/samples.js';
import type { Stage } from '../stage.js';
import { sameForEverySplit } from './splits.js';

/** Below the limits of the gateway, but above REQUEST_LINE_BYTES, so that this limit can be reached too. */
const LIMITS = { headBytes: REQUEST_LINE_BYTES + 512, headFields: 20 };

type Reading =
  | { readonly kind: 'head'; readonly head: RequestHead; readonly rest: Buffer }
  | { readonly kind: 'need-more' }
  | { readonly kind: string; readonly status: number };

export const heads: Stage = {
  name: 'heads',
  async seeds() {
    return [
      ...REAL_REQUESTS.map(([, bytes]) => bytes),
      Buffer.concat([inRequest('Transfer-Encoding: chunked', 'Expect: 100-continue'), Buffer.from('5\r\nhello')]),
      inRequest('Content-Length: 1073741824', 'Accept: a', 'Accept: b', 'Cookie: a=1', 'Cookie: b=2'),
      lines(
        'RDG_OUT_DATA /remoteDesktopGateway?ConId={5D4F8A0C-9B1E-4C3A-8D57-2E6F1A0B9C8D}&CorId=x&UsrId=bABhAA==&ClGen=1 HTTP/1.1',
        'Host: [::1]:443',
      ),
      lines('RPC_IN_DATA /rpc/rpcproxy.dll?localhost:3388 HTTP/1.1', 'Host: gw.test', 'Content-Length: 0'),
      lines('GET /healthz HTTP/1.1', 'Host: gw.test'),
      Buffer.concat([
        Buffer.from('\r\n'),
        lines('GET https://gw.test:8443/healthz?x HTTP/1.0', 'Content-Length: 5, 5'),
      ]),
      lines(`RDG_OUT_DATA /?${'x'.repeat(REQUEST_LINE_BYTES - 30)} HTTP/1.1`, 'Host: gw.test', `X: ${'y'.repeat(400)}`),
      inRequest(...Array.from({ length: LIMITS.headFields - 2 }, (_, index) => `X-${index}: ${'z'.repeat(8 * index)}`)),
    ];
  },
  async run(input) {
    const reading = sameForEverySplit(input, (split) => read(split(input)));
    const fromSocket = await readSocket(input);
    checkSame(input, reading, fromSocket);
    return [reading.kind, fromSocket.kind, ...('head' in reading ? requestKinds(reading.head) : [])];
  },
  parser() {
    const reader = new HeadReader();
    return (piece) => {
      try {
        const result = reader.push(piece);
        if (result.kind === 'head') rdgRequest(result.head);
        return result.kind === 'need-more';
      } catch (error) {
        failure(error);
        return false;
      }
    };
  },
};

function read(pieces: readonly Buffer[]): Reading {
  const reader = new HeadReader(LIMITS);
  try {
    for (const [index, piece] of pieces.entries()) {
      const result = reader.push(piece);
      if (result.kind !== 'head') continue;
      return { ...result, rest: Buffer.concat([result.rest, ...pieces.slice(index + 1)]) };
    }
  } catch (error) {
    return failure(error);
  }
  return { kind: 'need-more' };
}

/** Reads the first half of the input as the leftover of an earlier read, and the rest from a socket that ends. */
async function readSocket(input: Buffer): Promise<Reading | { readonly kind: 'closed' | 'idle' }> {
  const middle = input.length >> 1;
  const socket = new PassThrough({ highWaterMark: input.length + 1 });
  socket.on('error', () => undefined);
  socket.end(input.subarray(middle));
  const result = await readRequest(socket, {
    limits: LIMITS,
    deadlineMs: 10_000,
    leftover: Buffer.from(input.subarray(0, middle)),
  });
  const left: Buffer[] = await socket.toArray();
  if (result.kind === 'request')
    return { kind: 'head', head: result.head, rest: Buffer.concat([result.rest, ...left]) };
  if (result.kind !== 'invalid') return { kind: result.kind };
  // Nothing that the log would have of an invalid head fails.
  isForGateway(result.start);
  idsOf(result.start);
  return failure(result.error);
}

function checkSame(input: Buffer, reading: Reading, fromSocket: Awaited<ReturnType<typeof readSocket>>): void {
  const hasOnlyEmptyLines = /^(?:\r\n)*$/.test(input.toString('latin1'));
  const cut = hasOnlyEmptyLines ? 'closed' : 'HEAD_CUT';
  const expected = reading.kind === 'need-more' ? cut : reading.kind;
  if (fromSocket.kind !== expected) throw new Error(`${reading.kind} was read as ${fromSocket.kind}`);
  if ('head' in fromSocket && 'head' in reading && !fromSocket.rest.equals(reading.rest)) {
    throw new Error('the bytes after the head differ');
  }
}

/** The kinds of a request: its method, framing and RDG headers. */
function requestKinds(head: RequestHead): string[] {
  try {
    const { method, body, ...more } = rdgRequest(head);
    for (const text of [more.userId, more.clientGeneration, more.clientBuild]) checkPrintable(text ?? '');
    const given = (['upgrade', 'userId', 'authScheme', 'correlationId'] as const).filter(
      (name) => more[name] !== undefined,
    );
    const framing = `${method} ${typeof body === 'string' ? body : 'length'}`;
    return [framing, ...given.map((name) => `${framing} ${name}`)];
  } catch (error) {
    return [failure(error).kind];
  }
}

/** Checks that text of an unauthenticated client cannot forge a line in the log. */
function checkPrintable(text: string): void {
  const isPrintable = !/[\p{C}\p{Zl}\p{Zp}]/u.test(text) && text.length <= MAX_LOG_TEXT;
  if (!isPrintable) throw new Error(`the log would show ${JSON.stringify(text)}`);
}

function failure(error: unknown): { readonly kind: string; readonly status: number } {
  if (!(error instanceof HeadError)) throw error;
  return { kind: error.code, status: error.status };
}
