import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../src/decode/fields.js';
import { dissect } from '../../src/protocol/index.js';

const PDUS: readonly { readonly id: string; readonly hex: string }[] = JSON.parse(
  readFileSync('test/vectors/pdus.json', 'utf8'),
);

function fields(hexOrId: string, options = {}): Record<string, unknown> {
  const bytes = Buffer.from(PDUS.find(({ id }) => id === hexOrId)?.hex ?? hexOrId, 'hex');
  return fieldsOf(bytes.readUInt16LE(0), dissect(bytes), options);
}

describe('the fields of a packet', () => {
  it('contain numbers, strings and lists, but no header and no reserved bytes', () => {
    expect(fields('fr2-paa-ws-channel-create')).toEqual({
      numResources: 1,
      numAltResources: 0,
      port: 33891,
      protocol: 3,
      resources: ['127.0.0.1'],
    });
    expect(fields('fr2-paa-ws-tunnel-auth')).toEqual({ fieldsPresent: 0, cbClientName: 6, clientName: 'vm' });
  });

  it('contain bytes as hexadecimal text, such as a token in UTF-16', () => {
    const { paaCookie } = fields('fr2-paa-ws-tunnel-create');
    expect(Buffer.from(String(paaCookie), 'hex').toString('utf16le')).toBe('TOKEN123\0');
  });

  it('contain 64-bit numbers as decimal text', () => {
    // PKT_TYPE_REAUTH_MESSAGE with a context above what a JSON number can hold.
    expect(fields(`0c00000010000000${'ffffffffffffff7f'}`)).toEqual({ reauthTunnelContext: '9223372036854775807' });
  });

  it('contain the payload of DATA only with the option', () => {
    const data = '0a0000000d0000000300616263';
    expect(fields(data)).toEqual({ cbDataLen: 3 });
    expect(fields(data, { payload: true })).toEqual({ cbDataLen: 3, data: '616263' });
  });

  it('contain the NTLM challenge and response only with the option, the negotiate message always', () => {
    expect(fields('fr3-ext-ws-extended-auth-c1').authBlob).toMatch(/^4e544c4d5353500001/);
    expect(fields('fr3-ext-ws-extended-auth-s1')).toEqual({ errorCode: 0, cbBlobLen: 134 });
    expect(fields('fr3-ext-ws-extended-auth-c2')).toEqual({ errorCode: 0, cbBlobLen: 334 });
    expect(fields('fr3-ext-ws-extended-auth-c2', { secrets: true }).authBlob).toMatch(/^4e544c4d5353500003/);
  });

  it('hide trailing bytes like the field that they may belong to', () => {
    // cbDataLen and cbBlobLen are 1, followed by more bytes.
    expect(fields('0a0000000e000000010061626364')).toEqual({ cbDataLen: 1 });
    expect(fields('0a0000000e000000010061626364', { payload: true })).toMatchObject({ data: '61', trailing: '626364' });
    expect(fields('03000000120000000000000001004e4e544c')).toEqual({ errorCode: 0, cbBlobLen: 1, authBlob: '4e' });
  });

  it('of a truncated packet are those that are complete', () => {
    const whole = PDUS.find(({ id }) => id === 'fr2-paa-ws-channel-create')?.hex ?? '';
    expect(fields(whole.slice(0, 24))).toEqual({ numResources: 1, numAltResources: 0, port: 33891 });
  });
});
