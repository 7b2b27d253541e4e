import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_NTLM_TEXT, summariseNtlm } from '../../src/ntlm/summary.js';
import { tokenIn } from '../capture/http/vectors.js';

/** MS-NLMP 4.2.4.3, NTLMv2. */
const CHALLENGE = hex(`
  4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000 2400240044000000
  060070170000000f 530065007200760065007200 02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000`);
const AUTHENTICATE = hex(`
  4e544c4d53535000 03000000 180018006c000000 5400540084000000 0c000c0048000000 0800080054000000 100010005c000000
  10001000d8000000 358288e2 0501280a0000000f 44006f006d00610069006e00 5500730065007200
  43004f004d0050005500540045005200 86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa
  68cd0ab851e51c96aabc927bebef6a1c 01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
  c5dad2544fc9799094ce1ce90bc9d03e`);
/** MS-NLMP 4.2.3.3, NTLM v1 with client challenge. */
const AUTHENTICATE_V1 = hex(`
  4e544c4d53535000 03000000 180018006c000000 1800180084000000 0c000c0048000000 0800080054000000 100010005c000000
  000000009c000000 35820882 0501280a0000000f 44006f006d00610069006e00 5500730065007200
  43004f004d0050005500540045005200 aaaaaaaaaaaaaaaa00000000000000000000000000000000
  7537f803ae367128ca458204bde7caf81e97ed2683267232`);
/** Made by pyspnego 0.12.4. */
const NEGOTIATE = hex('4e544c4d535350000100000097b208e20300030028000000040004002b0000000a005d580000000f444f4d57533031');

describe('the examples of MS-NLMP', () => {
  it('a challenge names its server', () => {
    expect(summariseNtlm(CHALLENGE)).toEqual({
      type: 'challenge',
      messageType: 2,
      flags: 0xe28a8233,
      flagNames: [
        'NTLMSSP_NEGOTIATE_UNICODE',
        'NTLM_NEGOTIATE_OEM',
        'NTLMSSP_NEGOTIATE_SIGN',
        'NTLMSSP_NEGOTIATE_SEAL',
        'NTLMSSP_NEGOTIATE_NTLM',
        'NTLMSSP_NEGOTIATE_ALWAYS_SIGN',
        'NTLMSSP_TARGET_TYPE_SERVER',
        'NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY',
        'NTLMSSP_NEGOTIATE_TARGET_INFO',
        'NTLMSSP_NEGOTIATE_VERSION',
        'NTLMSSP_NEGOTIATE_128',
        'NTLMSSP_NEGOTIATE_KEY_EXCH',
        'NTLMSSP_NEGOTIATE_56',
      ],
      domain: 'Server',
      version: '6.0.6000',
      targetInfo: { netbiosDomain: 'Domain', netbiosComputer: 'Server' },
    });
  });

  it('an answer names its user', () => {
    expect(summariseNtlm(AUTHENTICATE)).toMatchObject({
      type: 'authenticate',
      domain: 'Domain',
      user: 'User',
      workstation: 'COMPUTER',
      version: '5.1.2600',
      response: 'NTLMv2',
      mic: false,
      targetInfo: { netbiosDomain: 'Domain', netbiosComputer: 'Server' },
    });
    expect(summariseNtlm(AUTHENTICATE_V1)).toMatchObject({ user: 'User', response: 'NTLMv1' });
  });
});

describe('messages of real clients and of other makers', () => {
  it('pyspnego: names in a type 1', () => {
    expect(summariseNtlm(NEGOTIATE)).toMatchObject({
      type: 'negotiate',
      domain: 'DOM',
      workstation: 'WS01',
      version: '10.0.22621',
    });
  });

  it('FreeRDP 2.11', () => {
    const first = summariseNtlm(tokenIn('fr2-ntlm-ws-1-rdg-out-data'));
    expect(first).toMatchObject({ type: 'negotiate', flags: 0xe20882b7, version: '6.1.7601' });
    expect(first).not.toHaveProperty('domain');
    expect(summariseNtlm(tokenIn('fr2-ntlm-ws-2-status-401'))).toMatchObject({
      type: 'challenge',
      domain: 'LAB',
      targetInfo: { netbiosDomain: 'LAB', netbiosComputer: 'GW', dnsDomain: 'lab.test', dnsComputer: 'gw.test' },
    });
    expect(summariseNtlm(tokenIn('fr2-ntlm-ws-3-rdg-out-data'))).toMatchObject({
      type: 'authenticate',
      domain: 'LAB',
      user: 'gwuser',
      workstation: 'vm',
      response: 'NTLMv2',
      mic: true,
      targetInfo: { targetName: 'HTTP/gw.test', flags: 2, channelBindings: true },
    });
  });

  it('FreeRDP 3, bare in Negotiate', () => {
    expect(summariseNtlm(tokenIn('fr3-ntlm-dual-out-3-rdg-out-data'))).toMatchObject({
      user: 'gwuser',
      domain: 'LAB',
      mic: true,
      targetInfo: { timestamp: expect.stringMatching(/^20\d\d-\d\d-\d\dT/) },
    });
  });
});

describe('secrets', () => {
  it('are not there', () => {
    const shown = JSON.stringify([CHALLENGE, AUTHENTICATE, AUTHENTICATE_V1].map((bytes) => summariseNtlm(bytes)));
    for (const secret of ['0123456789abcdef', '68cd0ab851e51c96', '86c35097ac9cec10', 'c5dad2544fc97990', '7537f803']) {
      expect(shown).not.toContain(secret);
    }
  });

  it('are there when asked for', () => {
    expect(summariseNtlm(CHALLENGE, { secrets: true })?.secrets).toEqual({ serverChallenge: '0123456789abcdef' });
    const { secrets } = summariseNtlm(AUTHENTICATE, { secrets: true }) ?? {};
    expect(secrets?.lmResponse).toBe('86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa');
    expect(secrets?.ntResponse).toMatch(/^68cd0ab851e51c96aabc927bebef6a1c0101/);
    expect(secrets?.sessionKey).toBe('c5dad2544fc9799094ce1ce90bc9d03e');
  });
});

describe('damage', () => {
  it('names the fields that lie outside', () => {
    expect(summariseNtlm(AUTHENTICATE.subarray(0, 0x60))).toMatchObject({
      type: 'authenticate',
      domain: 'Domain',
      user: 'User',
      damaged: ['lmResponse', 'ntResponse', 'sessionKey', 'workstation'],
    });
    expect(summariseNtlm(AUTHENTICATE.subarray(0, 12))?.damaged).toContain('flags');
  });

  it('anything else is not NTLM', () => {
    expect(summariseNtlm(Buffer.from('NTLMSSP'))).toBeUndefined();
    expect(summariseNtlm(Buffer.alloc(100))).toBeUndefined();
    expect(summariseNtlm(hex('4e544c4d53535000 63000000'))).toMatchObject({ type: 'unknown', messageType: 0x63 });
  });

  it('a long name is cut', () => {
    const long = Buffer.concat([AUTHENTICATE, Buffer.alloc(60_000, 'x\0')]);
    long.writeUInt16LE(60_000, 36);
    long.writeUInt32LE(AUTHENTICATE.length, 40);
    expect(summariseNtlm(long)?.user).toHaveLength(MAX_NTLM_TEXT / 2);
  });

  it('never throws', () => {
    const originals = [CHALLENGE, AUTHENTICATE, AUTHENTICATE_V1, NEGOTIATE, tokenIn('fr2-ntlm-ws-3-rdg-out-data')];
    const damaged = fc
      .tuple(fc.constantFrom(...originals), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), fc.nat())
      .map(([original, changes, cut]) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes[8 + (at % (bytes.length - 8))] = value;
        return bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
      });
    fc.assert(fc.property(damaged, (bytes) => void summariseNtlm(bytes, { secrets: true })));
  });
});

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ''), 'hex');
}
