import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../src/decode/fields.js';
import { spansOf } from '../../src/decode/json.js';
import { redacted } from '../../src/decode/redact.js';
import { dissect, encodePaaCookie, PACKETS, PKT_TYPE, TUNNEL_CREATE } from '../../src/protocol/index.js';
import { leavesOf } from '../support/dissect.js';

const token = await new SignJWT({ sub: 'alice', tgt: 'desk:3389' })
  .setProtectedHeader({ alg: 'HS256' })
  .sign(Buffer.alloc(32, 7));
const signature = token.slice(token.lastIndexOf('.') + 1);
const create = (text: string): Buffer => TUNNEL_CREATE.encode({ capsFlags: 0, paaCookie: encodePaaCookie(text) });
const hexOf = (text: string): string => Buffer.from(text, 'utf16le').toString('hex');

/** All fields and spans of a PDU as JSON. */
function shown(bytes: Buffer, options = {}): string {
  const tree = dissect(bytes);
  const type = bytes.readUInt16LE(0);
  return JSON.stringify([fieldsOf(type, tree, options), spansOf(type, tree, options)]);
}

describe('a signed access token', () => {
  it('is shown without its signature, unless secrets are requested', () => {
    const bytes = create(token);
    expect(shown(bytes)).not.toContain(hexOf(signature));
    expect(shown(bytes)).toContain(hexOf(token.slice(0, -signature.length)));
    expect(shown(bytes, { secrets: true })).toContain(hexOf(token));
  });

  it('keeps its offsets: the fields still cover the packet', () => {
    const bytes = create(token);
    expect(leavesOf(redacted(PKT_TYPE.TUNNEL_CREATE, dissect(bytes), {}), bytes.length)).toHaveLength(
      leavesOf(dissect(bytes), bytes.length).length,
    );
  });

  it('is also redacted after the fields', () => {
    const bytes = Buffer.concat([TUNNEL_CREATE.encode({ capsFlags: 0 }), encodePaaCookie(token)]);
    bytes.writeUInt32LE(bytes.length, 4);
    expect(shown(bytes)).not.toContain(hexOf(signature));
    expect(shown(bytes, { secrets: true })).toContain(hexOf(signature));
  });
});

describe('a token without a signature', () => {
  it('is shown unchanged', () => {
    expect(shown(create('TOKEN123'))).toContain(hexOf('TOKEN123\0'));
  });
});

describe('every other packet', () => {
  it('is shown completely', () => {
    const kinds = Object.values(PACKETS).map(({ type }) => type);
    const guarded: number[] = [PKT_TYPE.DATA, PKT_TYPE.EXTENDED_AUTH_MSG, PKT_TYPE.TUNNEL_CREATE];
    for (const type of kinds.filter((kind) => !guarded.includes(kind))) {
      const tree = dissect(Buffer.from([type, 0, 0, 0, 12, 0, 0, 0, 1, 2, 3, 4]));
      expect(redacted(type, tree, {})).toBe(tree);
    }
  });
});
