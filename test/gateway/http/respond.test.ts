import { describe, expect, it } from 'vitest';
import { hintOf } from '../../../src/gateway/http/hints.js';
import { refusalOf, refusalResponse } from '../../../src/gateway/http/refusal.js';
import { rdgRequest } from '../../../src/gateway/http/request.js';
import {
  closingResponse,
  emptyResponse,
  responseHead,
  switchingProtocols,
  textResponse,
  webSocketAccept,
} from '../../../src/gateway/http/respond.js';
import { HeadError } from '../../../src/http/errors.js';
import { headOf, vector } from './samples.js';

describe('webSocketAccept', () => {
  it('matches the example of RFC 6455 1.3', () => {
    expect(webSocketAccept('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it.each([
    ['fr2-paa-ws-1-rdg-out-data', 'fr2-paa-ws-2-status-101'],
    ['fr2-ntlm-ws-3-rdg-out-data', 'fr2-ntlm-ws-4-status-101'],
    ['fr3-ext-ws-1-rdg-out-data', 'fr3-ext-ws-2-status-101'],
  ])('returns for %s the response that the client accepted', (request, answer) => {
    const { upgrade } = rdgRequest(headOf(vector(request)));
    if (upgrade === undefined) throw new Error('no upgrade');
    expect(switchingProtocols(upgrade).toString()).toBe(vector(answer).toString());
  });
});

describe('responses', () => {
  it('are those that clients accepted in the captures', () => {
    expect(responseHead(200, { Server: 'lab', Connection: 'close' })).toEqual(vector('fr2-paa-dual-out-2-status-200'));
    expect(emptyResponse(200)).toEqual(vector('fr2-paa-dual-in-2-status-200'));
  });

  it('have one line for each value of a list', () => {
    expect(closingResponse(401, { 'WWW-Authenticate': ['Negotiate', 'NTLM'] }).toString()).toBe(
      'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n',
    );
  });

  it('select the first subprotocol that was offered', () => {
    const answer = switchingProtocols({ key: 'x', protocols: ['binary', 'other'], version: 13 }).toString();
    expect(answer).toContain('\r\nSec-WebSocket-Protocol: binary\r\n');
    expect(switchingProtocols({ key: 'x', protocols: [], version: 13 }).toString()).not.toContain('Protocol:');
  });

  it('with a text end the connection, unless they say otherwise', () => {
    expect(textResponse(404, 'not found').toString()).toBe(
      'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n' +
        'Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\nnot found\n',
    );
    expect(textResponse(200, 'ok', { Connection: 'keep-alive' }).toString()).toMatch(
      /^HTTP.*\r\nConnection: keep-alive\r\n/,
    );
  });

  it('to a refusal have the fields of the error, what to change, and nothing of the request', () => {
    const error = new HeadError('REQUEST_METHOD', 'secret', { status: 405, headers: { Allow: 'GET' } });
    const text = refusalResponse(refusalOf(error)).toString();
    expect(text).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\nConnection: close\r\nAllow: GET\r\n/);
    expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe(`${hintOf('REQUEST_METHOD')}\n`);
  });

  it.each([
    ['a line break in a value', { X: 'a\r\nSet-Cookie: b' }],
    ['a line break in a name', { 'X\r\nY': 'a' }],
    ['a NUL', { X: 'a\0' }],
    ['a bare CR in a list', { X: ['a', 'b\r'] }],
  ])('never contain %s', (_what, headers) => {
    expect(() => responseHead(200, headers)).toThrow(TypeError);
  });
});
