import fc from 'fast-check';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { claimsOf, TokenChecker, tokenIn } from '../../../src/capture/auth/access-token.js';
import { CHANNEL_CREATE, decode, encodePaaCookie, TUNNEL_CREATE } from '../../../src/protocol/index.js';

/** RFC 7515 appendix A.1: signed with HS256, expired since 2011. */
const EXAMPLE =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const NOW = 1_795_392_000;

function token(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 7));
}

const create = (text: string) => decode(TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: encodePaaCookie(text) }));
const channel = (resources: string[], port = 3389, altResources: string[] = []) =>
  decode(CHANNEL_CREATE.encode({ resources, altResources, port, protocol: 3 }));

describe('the claims of a token', () => {
  it('are read from the example in RFC 7515', () => {
    expect(claimsOf(EXAMPLE)).toEqual({ algorithm: 'HS256', issuer: 'joe', expires: '2011-03-22T18:43:00.000Z' });
  });

  it('are read from a token as mkrdp makes it, with one target or several', async () => {
    const claims = { sub: 'alice', aud: 'gw.test', exp: NOW, jti: 'x' };
    expect(claimsOf(await token({ ...claims, tgt: 'desk:3389' }))).toEqual({
      algorithm: 'HS256',
      user: 'alice',
      audience: ['gw.test'],
      targets: ['desk:3389'],
      expires: '2026-11-23T00:00:00.000Z',
    });
    expect(claimsOf(await token({ ...claims, tgt: ['a:1', 'b:2'] }))?.targets).toEqual(['a:1', 'b:2']);
  });

  it('never include the signature', async () => {
    const text = await token({ sub: 'alice', exp: NOW });
    expect(JSON.stringify(claimsOf(text))).not.toContain(text.split('.')[2]);
  });

  it('of the wrong type are left out, and long ones are truncated', async () => {
    const text = await token({ sub: 7, aud: [1, 'a'], tgt: {}, exp: 1e300, iss: 'x'.repeat(1000) });
    expect(claimsOf(text)).toEqual({ algorithm: 'HS256', audience: ['a'], issuer: 'x'.repeat(256) });
  });

  it('are undefined for anything but a JWS', () => {
    for (const text of ['', 'TOKEN123', 'a.b.c', '..', 'W10.W10.x', 'bnVsbA.bnVsbA.x', `${'x'.repeat(40_000)}.b.c`])
      expect(claimsOf(text)).toBeUndefined();
  });

  it('never throw', () => {
    const part = fc.oneof(
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    fc.assert(fc.property(part, part, part, (...parts) => void claimsOf(parts.join('.'))));
  });

  it('are read from TUNNEL_CREATE only', () => {
    expect(tokenIn(create(EXAMPLE))).toHaveProperty('issuer', 'joe');
    expect(tokenIn(decode(TUNNEL_CREATE.encode({ capsFlags: 0 })))).toBeUndefined();
    expect(tokenIn(channel(['desk']))).toBeUndefined();
  });
});

describe('notes', () => {
  const notesFor = (jws: string, requested: ReturnType<typeof channel>, at = NOW - 60): string[] => {
    const checker = new TokenChecker();
    const time = BigInt(at) * 1_000_000_000n;
    const notes = [...checker.check(create(jws), time), ...checker.check(requested, time)];
    return notes.map(({ code, text }) => `${code} ${text}`);
  };

  it('of a target that the token does not allow', async () => {
    const text = await token({ tgt: 'desk.example:3389', exp: NOW });
    expect(notesFor(text, channel(['desk.example']))).toEqual([]);
    expect(notesFor(text, channel(['DESK.example'], 3389))).toEqual([]);
    expect(notesFor(text, channel(['other', 'desk.example']))).toEqual([]);
    expect(notesFor(text, channel(['other'], 3389, ['desk.example']))).toEqual([]);
    expect(notesFor(text, channel(['desk.example'], 3390))).toEqual([
      'TOKEN_TARGET the access token is not for the target that the client asks for: it is for desk.example:3389, not for desk.example:3390',
    ]);
    expect(notesFor(await token({ tgt: 'DESK' }), channel(['desk']))).toEqual([]);
    // The same host in another notation that the gateway accepts.
    for (const [allowed, requested] of [
      ['desk.example:3389', 'Desk.example.'],
      ['[fd00::1]:3389', 'fd00:0:0::1'],
      ['[fd00::1]:3389', '[fd00::1]'],
      ['xn--mller-kva.example:3389', 'Müller.example'],
    ] as const) {
      expect(notesFor(await token({ tgt: allowed }), channel([requested]))).toEqual([]);
    }
    expect(notesFor(await token({ tgt: ['[fd00::1]:3389', '???'] }), channel(['fd00::1']))).toEqual([]);
  });

  it('of a token that had expired when it was sent', async () => {
    const text = await token({ tgt: 'desk', exp: NOW });
    expect(notesFor(text, channel(['desk']), NOW)).toEqual([]);
    expect(notesFor(text, channel(['desk']), NOW + 1)).toEqual([
      'TOKEN_EXPIRED the access token had expired when it was sent: it was valid until 2026-11-23T00:00:00.000Z',
    ]);
  });

  it('are absent without a JWS or its claims', async () => {
    expect(notesFor('TOKEN123', channel(['desk']))).toEqual([]);
    expect(notesFor(await token({ sub: 'alice' }), channel(['desk']))).toEqual([]);
  });
});
