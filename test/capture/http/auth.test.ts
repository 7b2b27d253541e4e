import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_SCHEMES,
  MAX_TOKEN_TEXT,
  summariseChallenges,
  summariseCredentials,
  targetWithoutSecrets,
  withoutSecrets,
} from '../../../src/capture/http/auth.js';
import { parseRequest, parseResponse } from '../../../src/capture/http/head.js';
import { MAX_USER_ID, rdgRequest } from '../../../src/capture/http/rdg.js';
import { httpBytes, tokenIn } from './vectors.js';

describe('credentials', () => {
  it('NTLM and Negotiate are summarised', () => {
    const token = tokenIn('fr2-ntlm-ws-3-rdg-out-data');
    expect(summariseCredentials(`NTLM ${token.toString('base64')}`)).toMatchObject({
      scheme: 'NTLM',
      token: { length: token.length, mechanism: 'NTLM', ntlm: { user: 'gwuser' } },
    });
  });

  it('RFC 7617: Basic is reported with the user and never the password', () => {
    const summary = summariseCredentials('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
    expect(summary).toEqual({ scheme: 'Basic', user: 'Aladdin' });
    expect(summariseCredentials('Basic ????')).toEqual({ scheme: 'Basic', problem: 'not base64' });
  });

  it('other schemes are reported by name', () => {
    expect(summariseCredentials('Bearer abc.def')).toEqual({ scheme: 'Bearer' });
    expect(summariseCredentials('SSPI_NTLM')).toEqual({ scheme: 'SSPI_NTLM' });
    expect(summariseCredentials('Negotiate')).toEqual({ scheme: 'Negotiate' });
    expect(summariseCredentials('')).toEqual({ scheme: '' });
    // A token without its scheme is redacted.
    expect(summariseCredentials('eyJhbGciOiJIUzI1NiJ9.e30.c2ln')).toEqual({ scheme: '[29 characters]' });
  });

  it('a token that is too long or not base64 is not decoded', () => {
    expect(summariseCredentials('Negotiate a b')).toEqual({ scheme: 'Negotiate', problem: 'not base64' });
    const long = 'A'.repeat(MAX_TOKEN_TEXT + 4);
    expect(summariseCredentials(`NTLM ${long}`)).toEqual({ scheme: 'NTLM', problem: 'too long' });
  });
});

describe('challenges', () => {
  it('several in one header', () => {
    expect(summariseChallenges('Negotiate, NTLM, Basic realm="a, \\"b", Digest realm=c, nonce="x=="')).toEqual([
      { scheme: 'Negotiate' },
      { scheme: 'NTLM' },
      { scheme: 'Basic', realm: 'a, \\' },
      { scheme: 'Digest', realm: 'c' },
    ]);
  });

  it('with a token', () => {
    const [summary, ...rest] = summariseChallenges(`NTLM ${tokenIn('fr2-ntlm-ws-2-status-401').toString('base64')}`);
    expect(summary).toMatchObject({ scheme: 'NTLM', token: { ntlm: { type: 'challenge', domain: 'LAB' } } });
    expect(rest).toEqual([]);
  });

  it('are limited in number and never throw', () => {
    expect(summariseChallenges('a,'.repeat(1000))).toHaveLength(MAX_SCHEMES);
    expect(summariseChallenges(`"${'\\'.repeat(50_000)}`).length).toBeLessThan(MAX_SCHEMES);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\\', '=', 'realm', 'NTLM') }), (value) => {
        expect(summariseChallenges(value).length).toBeLessThanOrEqual(MAX_SCHEMES);
        summariseCredentials(value);
        withoutSecrets([['WWW-Authenticate', value]]);
      }),
    );
  });
});

describe('redaction', () => {
  it('removes the tokens of recorded heads', () => {
    const request = parseRequest(httpBytes('fr2-ntlm-ws-3-rdg-out-data'));
    const response = parseResponse(httpBytes('fr2-ntlm-ws-2-status-401'));
    const shown = JSON.stringify(withoutSecrets([...(request?.headers ?? []), ...(response?.headers ?? [])]));
    expect(shown).not.toContain('TlRMTVNTUA');
    expect(shown).toMatch(/\["Authorization","NTLM \[\d+ characters\]"\]/);
    expect(shown).toContain('MS-RDGateway/1.0');
  });

  it.each([
    ['Authorization', 'eyJhbGciOiJIUzI1NiJ9.TOPSECRET.x'],
    ['Authorization', 'alice:TOPSECRET'],
    ['Authorization', 'Negotiate,TOPSECRET'],
    ['Proxy-Authorization', 'TOPSECRETTOPSECRETTOPSECRET'],
    ['WWW-Authenticate', `NTLM${' '.repeat(20)}TOPSECRET`],
  ])('removes the secret of a malformed header: %s: %s', (name, value) => {
    expect(JSON.stringify(withoutSecrets([[name, value]]))).not.toContain('TOPSECRET');
  });

  it('keeps schemes and realms', () => {
    const headers = [
      ['WWW-Authenticate', 'Negotiate, NTLM, Basic realm="lab"'],
      ['WWW-Authenticate', 'Negotiate oRQwEg==, Basic realm="lab"'],
      ['authorization', 'Basic QWxhZGRpbg=='],
      ['Cookie', 'id=1'],
      ['Authorization', 'SSPI_NTLM'],
    ] as const;
    expect(withoutSecrets(headers).map(([, value]) => value)).toEqual([
      'Negotiate, NTLM, Basic realm="lab"',
      'Negotiate [8 characters], Basic realm="lab"',
      'Basic [12 characters]',
      '[4 characters]',
      'SSPI_NTLM',
    ]);
  });

  it('removes a token in the query', () => {
    expect(targetWithoutSecrets('/x?CorId=1&ClmTk=Bearer%20abc&a=b')).toBe('/x?CorId=1&ClmTk=[12 characters]&a=b');
  });
});

describe('the RDG fields of a request', () => {
  const request = (line: string, ...headers: string[]) =>
    rdgRequest(parseRequest(Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n`)) ?? expect.fail(line));

  it('come from headers (MS-TSGU 2.2.3.2)', () => {
    expect(
      request(
        'RDG_OUT_DATA /remoteDesktopGateway/ HTTP/1.1',
        'RDG-Connection-Id: {E9A6B3C4-0000-4000-8000-00000000ABCD}',
        'RDG-Correlation-Id: {1}',
        'RDG-User-Id: dQBzAGUAcgA=',
        'RDG-Auth-Scheme: PAA',
        'Connection: Upgrade',
        'Upgrade: WebSocket',
      ),
    ).toEqual({
      kind: 'out',
      upgrade: true,
      connectionId: 'e9a6b3c4-0000-4000-8000-00000000abcd',
      correlationId: '1',
      userId: 'user',
      authScheme: 'PAA',
    });
  });

  it('or from the query (MS-TSGU 2.2.3.3)', () => {
    expect(
      request(
        'GET /RemoteDesktopGateway?ConId=%7BAB%7D&CorId=c&UsrId=dQA%3D&AuthS=SSPI_NTLM HTTP/1.1',
        'Upgrade: websocket',
      ),
    ).toMatchObject({ kind: 'upgrade', connectionId: 'ab', correlationId: 'c', userId: 'u', authScheme: 'SSPI_NTLM' });
  });

  it('have the kind of the request', () => {
    expect(request('RPC_IN_DATA /rpc/rpcproxy.dll?localhost:3388 HTTP/1.1').kind).toBe('rpc-in');
    expect(request('GET /chat HTTP/1.1', 'Upgrade: websocket').kind).toBe('other');
    expect(request('GET /remoteDesktopGateway/ HTTP/1.1').kind).toBe('other');
    expect(request('POST /KdcProxy HTTP/1.1').kind).toBe('other');
  });

  it('keep a user id that is not base64, and limit its length', () => {
    expect(request('RDG_IN_DATA / HTTP/1.1', 'RDG-User-Id: me!').userId).toBe('me!');
    const long = Buffer.from('x'.repeat(5000), 'utf16le').toString('base64');
    expect(request('RDG_IN_DATA / HTTP/1.1', `RDG-User-Id: ${long}`).userId).toHaveLength(MAX_USER_ID);
  });
});
