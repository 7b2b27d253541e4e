import { describe, expect, it } from 'vitest';
import { idsOf, isForGateway, isGatewayPath, MAX_LOG_TEXT, rdgRequest } from '../../../src/gateway/http/request.js';
import { HeadError } from '../../../src/http/errors.js';
import { CAPTURED_REQUESTS, headOf, ID, lines, MSTSC_WEBSOCKET, vector } from './samples.js';

const OTHER = '11111111-2222-3333-4444-555555555555';

function request(target: string, ...fields: string[]) {
  return rdgRequest(headOf(lines(`RDG_OUT_DATA ${target} HTTP/1.1`, 'Host: gw', ...fields)));
}

function refusal(target: string, ...fields: string[]): { code: string; status: number } {
  try {
    request(target, ...fields);
  } catch (error) {
    if (error instanceof HeadError) return { code: error.code, status: error.status };
    throw error;
  }
  throw new Error('the request was taken');
}

const PATH = '/remoteDesktopGateway/';
const CONNECTION = `RDG-Connection-Id: {${ID}}`;
const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: k'];
const base64 = (text: string): string => Buffer.from(text, 'utf16le').toString('base64');

describe('header form', () => {
  it('of mstsc', () => {
    expect(rdgRequest(headOf(MSTSC_WEBSOCKET))).toEqual({
      method: 'RDG_OUT_DATA',
      connectionId: '5d4f8a0c-9b1e-4c3a-8d57-2e6f1a0b9c8d',
      correlationId: 'a1b2c3d4-e5f6-4711-8899-aabbccdd0000',
      userId: 'lab\\alice',
      authScheme: 'NEGOTIATE',
      clientGeneration: 'Win32#10.0=7',
      clientBuild: 'Type=OOB; Build=WinBuild Jan 01 2016 10.0.22621.3447;',
      upgrade: { key: 'dGhlIHNhbXBsZSBub25jZQ==', protocols: [], version: 13 },
      body: 'none',
      expectContinue: false,
    });
  });

  it('of FreeRDP 2, with a key that is not base64', () => {
    expect(rdgRequest(headOf(vector('fr2-paa-ws-1-rdg-out-data')))).toEqual({
      method: 'RDG_OUT_DATA',
      connectionId: 'da65a747-1d1c-8a47-e047-0bec5584fb28',
      correlationId: undefined,
      userId: undefined,
      authScheme: 'PAA',
      clientGeneration: undefined,
      clientBuild: undefined,
      upgrade: { key: 'F]MZNJMCY\\CF_R@', protocols: [], version: 13 },
      body: 'none',
      expectContinue: false,
    });
  });

  it.each(CAPTURED_REQUESTS)('of %s, with the values in its text', (id, bytes) => {
    const text = bytes.toString('latin1');
    const read = rdgRequest(headOf(bytes));
    expect(read.connectionId).toBe(/RDG-Connection-Id: \{([0-9a-f-]+)\}/.exec(text)?.[1]);
    expect(read.upgrade !== undefined).toBe(text.includes('Upgrade: websocket'));
    expect(read.body === 'chunked').toBe(text.includes('chunked'));
    expect(read.authScheme).toBe(
      (/RDG-Auth-Scheme: (\w+)/.exec(text) ?? /Authorization: (\w+)/.exec(text))?.[1]?.toUpperCase(),
    );
    expect(read.method.startsWith('RDG_IN')).toBe(/-in-/.test(id));
  });
});

describe('query form', () => {
  const query = new URLSearchParams({
    CorId: `{${OTHER}}`,
    ConId: `{${ID.toUpperCase()}}`,
    UsrId: base64('büro\\zoë'),
    AuthS: 'SSPI_NTLM',
    ClGen: 'HTML5',
    ClBld: '1.0 + x',
  });

  it('has the same values', () => {
    expect(request(`${PATH}?${query}`, ...UPGRADE)).toEqual({
      method: 'RDG_OUT_DATA',
      connectionId: ID,
      correlationId: OTHER,
      userId: 'büro\\zoë',
      authScheme: 'SSPI_NTLM',
      clientGeneration: 'HTML5',
      clientBuild: '1.0 + x',
      upgrade: { key: 'k', protocols: [], version: 13 },
      body: 'none',
      expectContinue: false,
    });
  });

  it('is read in a GET too, as browsers send it', () => {
    const fields = ['Host: gw', 'Sec-WebSocket-Protocol: binary', ...UPGRADE];
    const read = rdgRequest(headOf(lines(`GET ${PATH}?${query} HTTP/1.1`, ...fields)));
    expect(read).toEqual({ ...request(`${PATH}?${query}`, ...fields.slice(1)), method: 'GET' });
    expect(read.upgrade?.protocols).toEqual(['binary']);
  });

  it('may repeat the values of headers in another spelling, but not contradict them', () => {
    expect(request(`${PATH}?conid=${ID.toUpperCase()}&AuthS=paa`, CONNECTION, 'RDG-Auth-Scheme: PAA')).toMatchObject({
      connectionId: ID,
      authScheme: 'PAA',
    });
    expect(refusal(`${PATH}?ConId=${OTHER}`, CONNECTION).code).toBe('REQUEST_CONFLICT');
    expect(refusal(`${PATH}?ConId=${ID}&ConId=${OTHER}`).code).toBe('REQUEST_CONFLICT');
    expect(refusal(`${PATH}?ConId=${ID}&conid=x`).code).toBe('REQUEST_CONFLICT');
    expect(refusal(`${PATH}?AuthS=SSPI_NTLM`, CONNECTION, 'RDG-Auth-Scheme: PAA').code).toBe('REQUEST_CONFLICT');
  });

  it('is refused where a known parameter cannot be decoded, and others are not looked at', () => {
    for (const parameter of ['ConId=%', 'CorId=%7', 'usrid=%zz', 'AuthS=PAA%', 'ClGen=%x0', 'ClBld=%%']) {
      expect(refusal(`${PATH}?${parameter}`, CONNECTION)).toEqual({ code: 'REQUEST_QUERY', status: 400 });
    }
    expect(request(`${PATH}?a=%&%ff=%ff&ClmTk=%zz&%=`, CONNECTION).connectionId).toBe(ID);
  });

  it('is not looked at where the path is another one', () => {
    expect(refusal(`/x?ConId=%&ConId=a&ConId=b`)).toEqual({ code: 'REQUEST_PATH', status: 404 });
  });
});

describe('connection id', () => {
  it.each([ID, `{${ID}}`, ID.toUpperCase(), `{${ID.toUpperCase()}}`])('takes %s', (id) => {
    expect(request(PATH, `RDG-Connection-Id: ${id}`).connectionId).toBe(ID);
  });

  it.each(['', 'x', `{${ID}`, `${ID}}`, `{{${ID}}}`, ID.slice(1), `${ID}0`, ID.replaceAll('-', ''), `${ID}, ${ID}`])(
    'refuses %j',
    (id) => {
      expect(refusal(PATH, `RDG-Connection-Id: ${id}`)).toEqual({ code: 'REQUEST_CONNECTION_ID', status: 400 });
    },
  );

  it('is required', () => {
    expect(refusal(PATH)).toEqual({ code: 'REQUEST_CONNECTION_ID', status: 400 });
  });
});

describe('texts for the log', () => {
  const user = (value: string): string | undefined => request(PATH, CONNECTION, `RDG-User-Id: ${value}`).userId;

  it('are decoded, limited and free of characters that could forge a line', () => {
    expect(user(base64('a\r\nb\u001b[31m\u202e\u2028\u0085'))).toBe('a��b�[31m���');
    expect(user(base64('x'.repeat(1000)))).toBe('x'.repeat(MAX_LOG_TEXT));
    expect(user(Buffer.from([0x00, 0xd8]).toString('base64'))).toBe('�');
    expect(user(base64('@@BgC!'))).toBe('@@BgC!');
    expect(request(PATH, CONNECTION, 'RDG-Client-Generation: a\x9b1m').clientGeneration).toBe('a�1m');
  });

  it.each(['', '***', 'YQ', base64('a').slice(1), 'YWJj'])('leave out an invalid user id: %j', (value) => {
    expect(user(value)).toBeUndefined();
  });

  it('leave out a correlation id that is not a guid', () => {
    expect(request(PATH, CONNECTION, 'RDG-Correlation-Id: x').correlationId).toBeUndefined();
  });

  it('accept base64 whose plus signs became spaces', () => {
    const value = base64('ﻻﻻﻻ');
    expect(value).toContain('+');
    expect(request(`${PATH}?ConId=${ID}&UsrId=${value}`).userId).toBe('ﻻﻻﻻ');
  });
});

describe('scheme', () => {
  it.each([
    [['RDG-Auth-Scheme: PAA'], 'PAA'],
    [['RDG-Auth-Scheme: sspi_ntlm'], 'SSPI_NTLM'],
    [['Authorization: NTLM AAAA'], 'NTLM'],
    [['Authorization: Negotiate AAAA'], 'NEGOTIATE'],
    [['Authorization: SSPI_NTLM'], 'SSPI_NTLM'],
    [['RDG-Auth-Scheme: PAA', 'Authorization: NTLM AAAA'], 'PAA'],
    [['Authorization: a,b c'], undefined],
    [[], undefined],
  ])('of %j is %s', (fields, scheme) => {
    expect(request(PATH, CONNECTION, ...fields).authScheme).toBe(scheme);
  });
});

describe('upgrade', () => {
  const without = (name: string): string[] => UPGRADE.filter((line) => !line.startsWith(`${name}:`));

  it('is recognized in token lists of any case', () => {
    const fields = [...without('Connection'), 'Connection: keep-alive, upGRADE'].map((line) =>
      line.replace('websocket', 'WebSocket'),
    );
    expect(request(PATH, CONNECTION, ...fields).upgrade?.key).toBe('k');
  });

  it('keeps the order of subprotocols', () => {
    const fields = ['Sec-WebSocket-Protocol: binary, b', 'Sec-WebSocket-Protocol: c'];
    expect(request(PATH, CONNECTION, ...UPGRADE, ...fields).upgrade?.protocols).toEqual(['binary', 'b', 'c']);
  });

  it('needs both Upgrade and Connection, since a proxy may have removed one', () => {
    expect(request(PATH, CONNECTION, ...without('Upgrade')).upgrade).toBeUndefined();
    expect(request(PATH, CONNECTION, ...without('Connection')).upgrade).toBeUndefined();
    expect(request(PATH, CONNECTION, ...without('Upgrade'), 'Upgrade: h2c').upgrade).toBeUndefined();
  });

  it('is recognized anywhere in a long list, and not as a part of an element', () => {
    const list = `${'a, , '.repeat(5000)} \twebsocket\t ,${',b'.repeat(5000)}`;
    expect(request(PATH, CONNECTION, ...without('Upgrade'), `Upgrade: ${list}`).upgrade?.key).toBe('k');
    for (const other of [
      'xwebsocket',
      'websocket/13',
      'web socket',
      'websocketwebsocket',
      'a websocket',
      'websocket;',
    ]) {
      expect(request(PATH, CONNECTION, ...without('Upgrade'), `Upgrade: ${other}, ${other}`).upgrade).toBeUndefined();
    }
  });

  it('is refused with more subprotocols than a client offers', () => {
    const offer = (count: number): string =>
      `Sec-WebSocket-Protocol: ${Array.from({ length: count }, () => 'a').join()}`;
    expect(request(PATH, CONNECTION, ...UPGRADE, offer(16)).upgrade?.protocols).toHaveLength(16);
    expect(refusal(PATH, CONNECTION, ...UPGRADE, offer(17)).code).toBe('REQUEST_WEBSOCKET_PROTOCOL');
  });

  it('is ignored on IN', () => {
    const head = headOf(lines(`RDG_IN_DATA ${PATH} HTTP/1.1`, 'Host: gw', CONNECTION, ...UPGRADE));
    expect(rdgRequest(head).upgrade).toBeUndefined();
  });

  it('is refused with another version, without key, with a body, with a malformed subprotocol', () => {
    expect(refusal(PATH, CONNECTION, ...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8')).toEqual({
      code: 'REQUEST_WEBSOCKET_VERSION',
      status: 426,
    });
    expect(refusal(PATH, CONNECTION, ...without('Sec-WebSocket-Version')).status).toBe(426);
    expect(refusal(PATH, CONNECTION, ...without('Sec-WebSocket-Key')).code).toBe('REQUEST_WEBSOCKET_KEY');
    expect(refusal(PATH, CONNECTION, ...UPGRADE, 'Content-Length: 1').code).toBe('REQUEST_UPGRADE_BODY');
    expect(refusal(PATH, CONNECTION, ...UPGRADE, 'Transfer-Encoding: chunked').code).toBe('REQUEST_UPGRADE_BODY');
    expect(refusal(PATH, CONNECTION, ...UPGRADE, 'Sec-WebSocket-Protocol: a b').code).toBe(
      'REQUEST_WEBSOCKET_PROTOCOL',
    );
  });
});

describe('path', () => {
  it.each(['/remoteDesktopGateway', '/remoteDesktopGateway/', '/REMOTEDESKTOPGATEWAY/', '/remotedesktopgateway'])(
    'takes %s',
    (path) => {
      expect(isGatewayPath(path)).toBe(true);
      expect(request(`${path}?a=b`, CONNECTION).connectionId).toBe(ID);
    },
  );

  it.each([
    '/',
    '/remoteDesktopGateway//',
    '/remoteDesktopGateway/x',
    '/x/remoteDesktopGateway/',
    '//remoteDesktopGateway/',
    '/healthz',
    '/remoteDesktopGatewa%79/',
  ])('refuses %s', (path) => {
    expect(isGatewayPath(path)).toBe(false);
    expect(refusal(path, CONNECTION)).toEqual({ code: 'REQUEST_PATH', status: 404 });
  });

  it('may come in the form that proxies send', () => {
    expect(request(`https://gw.test:8443${PATH}?a=b`, CONNECTION).connectionId).toBe(ID);
    expect(refusal('https://gw.test', CONNECTION)).toEqual({ code: 'REQUEST_PATH', status: 404 });
  });

  it('is what HTTP/1.0 is refused on, with a status that is not of another major version', () => {
    const head = headOf(lines(`RDG_OUT_DATA ${PATH} HTTP/1.0`, 'Host: gw', CONNECTION));
    expect(() => rdgRequest(head)).toThrow(
      expect.objectContaining({
        code: 'REQUEST_VERSION',
        status: 426,
        headers: expect.objectContaining({ Upgrade: 'HTTP/1.1' }),
      }),
    );
  });

  it('refuses another method', () => {
    expect(() => rdgRequest(headOf(lines(`POST ${PATH} HTTP/1.1`, 'Host: gw', CONNECTION)))).toThrow(
      expect.objectContaining({ status: 405, headers: { Allow: 'RDG_OUT_DATA, RDG_IN_DATA, GET' } }),
    );
  });
});

describe('a request that is for the gateway', () => {
  const start = (method: string, path: string) => ({ method, path, query: '', headers: new Map() });

  it.each([
    ['RDG_OUT_DATA', '/'],
    ['RDG_X', ''],
    ['RPC_IN_DATA', '/rpc/rpcproxy.dll'],
    ['GET', '/remoteDesktopGateway'],
    ['POST', '/gw/REMOTEDESKTOPGATEWAY/'],
  ])('%s %s', (method, path) => {
    expect(isForGateway(start(method, path))).toBe(true);
  });

  it.each([
    ['', ''],
    ['GET', '/'],
    ['XRDG_OUT_DATA', '/healthz'],
    ['rdg_out_data', '/x'],
    ['GET', '/remoteDesktopGateway/x'],
    ['GET', '/xremoteDesktopGateway'],
  ])('is not %s %s', (method, path) => {
    expect(isForGateway(start(method, path))).toBe(false);
  });

  it('has its ids in the log, from the header or the query, even where it is invalid', () => {
    const ids = (target: string, ...fields: string[]) =>
      idsOf(headOf(lines(`GET ${target} HTTP/1.1`, 'Host: gw', ...fields)));
    expect(ids('/x', CONNECTION)).toEqual({ connection: ID, correlation: undefined });
    expect(ids(`/x?CorId=%7b${OTHER}%7d&conid=${ID}&ConId=%`)).toEqual({ connection: ID, correlation: OTHER });
    expect(ids('/x?ConId=%&CorId=token', 'RDG-Correlation-Id: x')).toEqual({
      connection: undefined,
      correlation: undefined,
    });
  });
});
