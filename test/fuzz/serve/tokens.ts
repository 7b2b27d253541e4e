/** Access tokens: JWS of unknown clients. */
import { createSignedVerifier, mintToken, type SignedVerdict, type SignedVerifier } from '../../../src/policy/token.js';
import type { Stage } from '../stage.js';

const SECRET = new Uint8Array(32).fill(7);
const NOW = Date.parse('2026-11-23T12:00:00Z');
const AUDIENCE = 'gateway.test';
/** The public keys of RFC 8037 appendix A.2 and RFC 7515 appendix A.3. */
const KEYS = [
  { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
  {
    kty: 'EC',
    crv: 'P-256',
    kid: 'ec',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  },
];
/** RFC 8037 appendix A.4: a valid signature, and a payload without claims. */
const RFC8037_TOKEN =
  'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';
/** Longest reason in the log: some names, quoted and truncated. */
const REASON_MAX = 400;

let verifier: SignedVerifier | undefined;

function verify(token: string): Promise<SignedVerdict> {
  verifier ??= createSignedVerifier({
    localKey: SECRET,
    jwks: { label: 'issuer', json: JSON.stringify({ keys: KEYS }) },
    audiences: [AUDIENCE],
  });
  return verifier.verify(token, NOW);
}

function mint(targets: readonly string[], minutes = 5): Promise<string> {
  const expiresAt = new Date(NOW + minutes * 60_000);
  return mintToken(SECRET, { user: 'alice', targets, audience: AUDIENCE, expiresAt, id: 'fuzz' });
}

/** What the local key signed: only this may be accepted. */
const signed = Promise.all([mint(['desk.test']), mint(['10.0.0.1', '[fd00::1]:3390']), mint(['late.test'], -5)]);

export const tokens: Stage = {
  name: 'tokens',
  async seeds() {
    const forged = (header: object): string =>
      `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from('{"sub":"a"}').toString('base64url')}.${'A'.repeat(86)}`;
    const headers = [
      { alg: 'none' },
      { alg: 'ES256' },
      { alg: 'ES256', kid: 'ec' },
      { alg: 'HS256', kid: 'x'.repeat(90) },
      { alg: 'EdDSA', crit: ['b64'], b64: false },
      { alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' }, nested: [[[[{}]]]] },
    ];
    return [...(await signed), RFC8037_TOKEN, ...headers.map(forged)].map((text) => Buffer.from(text, 'latin1'));
  },
  async run(input) {
    const token = input.toString('latin1');
    const verdict = await verify(token);
    if (!verdict.allow) {
      const isOneLine = !/[\p{C}\p{Zl}\p{Zp}]/u.test(verdict.reason) && verdict.reason.length <= REASON_MAX;
      if (!isOneLine) throw new Error(`the log would show ${JSON.stringify(verdict.reason)}`);
      return [verdict.reason.replace(/".*"|\d+/g, '…')];
    }
    // Two bits of the last character of a signature do not count.
    const isSigned = (await signed).some((one) => one.slice(0, -1) === token.slice(0, -1));
    if (!isSigned) throw new Error('a token is accepted that was never issued');
    return ['allowed'];
  },
  parser: () => async (piece) => {
    await verify(piece.toString('latin1'));
    return false;
  },
};
