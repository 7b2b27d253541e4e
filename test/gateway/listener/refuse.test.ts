/** What a client whose request is refused gets, and what the log says. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { hintOf } from '../../../src/gateway/http/hints.js';
import { rdgHead, readResponse, remainder, type Server, tlsSocket, upgradeHeaders } from '../../support/client.js';
import { type LogLine, type TestGateway, testGateway } from '../../support/gateway.js';

let server: TestGateway;
beforeAll(async () => {
  server = await testGateway({ timeouts: { close: 0.3 } });
});
afterAll(() => server.stop());
afterEach(() => {
  vi.restoreAllMocks();
  server.clearLog();
});

/** Lines for the same network and code are a minute apart, so every test comes from a network of its own. */
let network = 1;
const newAddress = (): string => `127.0.${++network}.1`;

async function send(
  text: string,
  from = newAddress(),
  to: Server = server,
): Promise<{ status: number; head: string; body: string }> {
  const socket = await tlsSocket(to, from);
  socket.write(text, 'latin1');
  const { status, head, rest } = await readResponse(socket);
  const body = rest.toString() + (await remainder(socket)).toString();
  return { status, head, body };
}

const ID = randomUUID();
const text = (lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const out = (...more: string[]): string => text(rdgHead('RDG_OUT_DATA', ID, more));
const changed = (from: string | RegExp, to: string): string => out().replace(from, to);
const CONNECTION = `RDG-Connection-Id: {${ID}}`;

const REFUSALS: readonly [what: string, request: string, status: number, code: string][] = [
  ['HTTP/1.0', changed('HTTP/1.1', 'HTTP/1.0'), 426, 'REQUEST_VERSION'],
  ['HTTP/2.0', changed('HTTP/1.1', 'HTTP/2.0'), 505, 'HEAD_VERSION'],
  ['101 header fields', out(...Array.from({ length: 97 }, (_, index) => `X-${index}: x`)), 431, 'HEAD_TOO_MANY_FIELDS'],
  ['a head above 64 KiB', out(`X: ${'x'.repeat(65_536)}`), 431, 'HEAD_TOO_LARGE'],
  [
    'a request line that is too long',
    changed('Gateway/', `Gateway/?${'x'.repeat(16_384)}`),
    414,
    'HEAD_REQUEST_LINE_TOO_LONG',
  ],
  ['a prefix before the path', changed('/remote', '/gw/remote'), 404, 'REQUEST_PATH'],
  ['another path', changed('/remoteDesktopGateway/', '/'), 404, 'REQUEST_PATH'],
  ['Host twice', out('Host: localhost'), 400, 'HEAD_DUPLICATE'],
  ['RDG-Connection-Id twice', out(CONNECTION), 400, 'HEAD_DUPLICATE'],
  ['a malformed Host', changed('Host: localhost', 'Host: a b'), 400, 'HEAD_HOST'],
  ['no Host', changed('Host: localhost\r\n', ''), 400, 'HEAD_NO_HOST'],
  ['a malformed connection id', changed(`${CONNECTION}\r\n`, 'RDG-Connection-Id: x\r\n'), 400, 'REQUEST_CONNECTION_ID'],
  [
    'WebSocket version 8',
    out(...upgradeHeaders().map((line) => line.replace('13', '8'))),
    426,
    'REQUEST_WEBSOCKET_VERSION',
  ],
  ['a method of ours that does not exist', changed('RDG_OUT_DATA', 'RDG_OUT'), 405, 'REQUEST_METHOD'],
  ['a control character', changed('Host: ', 'Host: \x01'), 400, 'HEAD_CONTROL'],
  ['a bare line feed', changed('\r\nHost', '\nHost'), 400, 'HEAD_BARE_LF'],
  ['a length and chunks', out('Content-Length: 5', 'Transfer-Encoding: chunked'), 400, 'HEAD_LENGTH_AND_CODING'],
  ['RPC over HTTP', text(['RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1', 'Host: x']), 404, 'RPC_OVER_HTTP'],
  ['another scheme', out('Authorization: NTLM AAAA'), 401, 'SCHEME'],
  [
    'an upgrade that lost its fields',
    text([`GET /remoteDesktopGateway/?ConId=${ID} HTTP/1.1`, 'Host: x']),
    404,
    'REQUEST_NO_UPGRADE',
  ],
  [
    'a GET upgrade with a prefix',
    text([`GET /gw/remoteDesktopGateway HTTP/1.1`, 'Host: x', CONNECTION, ...upgradeHeaders()]),
    404,
    'REQUEST_PATH',
  ],
  ['a body without its OUT channel', text(rdgHead('RDG_IN_DATA', ID, ['Transfer-Encoding: chunked'])), 409, 'NO_OUT'],
];

describe('a refused request', () => {
  it.each(REFUSALS)('with %s is answered and logged with its cure', async (_, request, status, code) => {
    const peer = newAddress();
    const answer = await send(request, peer);
    expect(answer).toMatchObject({ status, body: `${hintOf(code)}\n` });
    expect(answer.head).toMatch(/\r\nconnection: close/i);
    expect(answer.head).toMatch(/\r\ncontent-type: text\/plain/i);
    expect(server.log).toHaveLength(1);
    expect(server.log[0]).toMatchObject({
      level: 'warn',
      event: 'request.rejected',
      peer,
      status,
      code,
      hint: hintOf(code),
    });
    expect(server.log[0]?.reason).toMatch(/./);
    expect(server.log[0]?.suppressed).toBeUndefined();
  });

  it('is logged with its ids, as far as they arrived', async () => {
    for (const request of [
      changed('HTTP/1.1', 'HTTP/1.0'),
      out(CONNECTION),
      out(`X: ${'x'.repeat(65_536)}`),
      text([`GET /gw/remoteDesktopGateway?CorId=${ID}&conid=%7B${ID}%7D HTTP/1.1`, 'Host: x']),
    ]) {
      await send(request);
      expect(server.log.at(-1)).toMatchObject({ event: 'request.rejected', connection: ID, correlation: ID });
    }
  });

  it('echoes nothing of the request', async () => {
    for (const request of [
      changed('RDG_OUT_DATA', 'RDG_secret'),
      changed('/remote', '/secret/remote'),
      out('Authorization: secret x'),
    ]) {
      expect(JSON.stringify(await send(request))).not.toMatch(/secret/);
      expect(JSON.stringify(server.log)).not.toMatch(/secret/i);
    }
  });

  it.each([
    ['garbage', '\x16\x03\x01\r\n\r\n', 400],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\n', 505],
    ['a head above 64 KiB', text(['GET / HTTP/1.1', 'Host: x', `X: ${'x'.repeat(65_536)}`]), 431],
  ])('of nobody who means the gateway (%s) is no more than a debug line', async (_, request, status) => {
    const refused = server.gateway.counts().refused.request;
    expect((await send(request)).status).toBe(status);
    expect(server.log.map(({ level, event }: LogLine) => [level, event])).toEqual([['debug', 'request.invalid']]);
    expect(server.gateway.counts().refused.request).toBe(refused);
  });

  it('of ordinary HTTP has no line at all', async () => {
    for (const path of ['/', '/favicon.ico', '/healthz/x']) {
      expect((await send(text([`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close']))).status).toBe(404);
    }
    expect(server.log).toEqual([]);
  });

  it('that its client does not wait for is no more than a debug line', async () => {
    const socket = await tlsSocket(server, newAddress());
    socket.end('RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1\r\nHo');
    socket.resume();
    expect(await server.line('request.invalid')).toMatchObject({ level: 'debug', code: 'HEAD_CUT' });
    expect(server.lines('request.rejected')).toEqual([]);
  });

  it('because a transport is disabled, or the gateway is full, says which setting it is', async () => {
    const cases = [
      [{ transports: { http: false } }, out(), 403, 'TRANSPORT_HTTP_OFF'],
      [
        { transports: { websocket: false } },
        text(rdgHead('GET', ID, upgradeHeaders())),
        403,
        'TRANSPORT_WEBSOCKET_OFF',
      ],
      [{ limits: { tunnels: 0 } }, out(), 503, 'BUSY'],
    ] as const;
    for (const [options, request, status, code] of cases) {
      const site = await testGateway(options);
      expect(await send(request, '127.0.0.1', site)).toMatchObject({ status, body: `${hintOf(code)}\n` });
      expect(site.lines('request.rejected')).toMatchObject([{ status, code }]);
      await site.stop();
    }
  });

  // The last one: the gateway's clock goes back after it.
  it('has one line for each network and code a minute, with the number of those between', async () => {
    const peer = newAddress();
    const [old, other] = [changed('HTTP/1.1', 'HTTP/1.0'), changed('/remote', '/gw/remote')];
    for (const request of [old, old, other, old]) await send(request, peer);
    expect(server.log.map(({ level, code }) => [level, code])).toEqual([
      ['warn', 'REQUEST_VERSION'],
      ['debug', 'REQUEST_VERSION'],
      ['warn', 'REQUEST_PATH'],
      ['debug', 'REQUEST_VERSION'],
    ]);
    expect(server.lines('request.repeated')).toHaveLength(2);
    await send(old, newAddress());
    expect(server.log.at(-1)).toMatchObject({ level: 'warn' });
    const later = performance.now() + 60_000;
    vi.spyOn(performance, 'now').mockImplementation(() => later);
    await send(old, peer);
    expect(server.log.at(-1)).toMatchObject({ level: 'warn', code: 'REQUEST_VERSION', suppressed: 2 });
  });
});
