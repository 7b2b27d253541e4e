import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summariseToken } from '../../../src/capture/auth/security-token.js';
import { oidText, readElement, readElements } from '../../../src/der/element.js';
import { tokenIn } from '../http/vectors.js';

/** SPNEGO tokens made with pyspnego 0.12.4, Kerberos messages made with `openssl asn1parse -genconf`. */
const NTLM_IN_INIT = hex(
  '607106062b0601050502a0673065a030302e06092a864882f71201020206092a864886f712010202060a2b06010401823702021e060a2b06010401823702020aa231042f4e544c4d535350000100000097b208e20300030028000000040004002b0000000a005d580000000f444f4d57533031',
);
const NTLM_IN_RESP = hex(
  'a18181307fa0030a0101a10c060a2b06010401823702020aa26a04684e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000',
);
const REJECT = hex('a1073005a0030a0102');
const AP_REQ = hex(
  '60818306092a864886f71201020201006e743072a003020105a10302010ea20703050020000000a34c614a3048a003020105a10d1b0b4c41422e4558414d504c45a221301fa003020102a11830161b04485454501b0e67772e6c61622e6578616d706c65a30f300da003020112a206040400112233a40f300da003020112a206040400112233',
);
const AP_REQ_IN_INIT = hex(
  `6081b406062b0601050502a081a93081a6a018301606092a864882f71201020206092a864886f712010202a2818904818660818306092a864886f71201020201006e743072a003020105a10302010ea20703050020000000a34c614a3048a003020105a10d1b0b4c41422e4558414d504c45a221301fa003020102a11830161b04485454501b0e67772e6c61622e6578616d706c65a30f300da003020112a206040400112233a40f300da003020112a206040400112233`,
);
const KRB_ERROR = hex(
  '7e383036a003020105a10302011ea411180f32303234303130313030303030305aa503020101a603020129a90d1b0b4c41422e4558414d504c45',
);

describe('tokens of Negotiate', () => {
  it('bare NTLM, as FreeRDP 3 and mstsc send it', () => {
    const token = tokenIn('fr3-ntlm-dual-out-1-rdg-out-data');
    expect(summariseToken(token)).toMatchObject({ length: token.length, mechanism: 'NTLM', ntlm: { messageType: 1 } });
    expect(summariseToken(token)).not.toHaveProperty('spnego');
  });

  it('NTLM inside SPNEGO, both ways', () => {
    expect(summariseToken(NTLM_IN_INIT)).toMatchObject({
      mechanism: 'NTLM',
      spnego: { message: 'NegTokenInit', mechanisms: ['Kerberos (Microsoft)', 'Kerberos', 'NEGOEX', 'NTLM'] },
      ntlm: { type: 'negotiate', domain: 'DOM', workstation: 'WS01' },
    });
    expect(summariseToken(NTLM_IN_RESP)).toMatchObject({
      mechanism: 'NTLM',
      spnego: { message: 'NegTokenResp', mechanisms: ['NTLM'], state: 'accept-incomplete' },
      ntlm: { type: 'challenge', targetInfo: { netbiosDomain: 'Domain' } },
    });
  });

  it('a refusal', () => {
    expect(summariseToken(REJECT)).toEqual({
      length: 9,
      mechanism: 'SPNEGO',
      spnego: { message: 'NegTokenResp', mechanisms: [], state: 'reject' },
    });
  });

  it('Kerberos, bare and wrapped', () => {
    const kerberos = { message: 'AP-REQ', realm: 'LAB.EXAMPLE', service: 'HTTP/gw.lab.example' };
    expect(summariseToken(AP_REQ)).toEqual({ length: AP_REQ.length, mechanism: 'Kerberos', kerberos });
    expect(summariseToken(AP_REQ_IN_INIT)).toMatchObject({
      mechanism: 'Kerberos',
      kerberos,
      spnego: { mechanisms: ['Kerberos (Microsoft)', 'Kerberos'] },
    });
    expect(summariseToken(KRB_ERROR)).toMatchObject({ kerberos: { message: 'KRB-ERROR', errorCode: 41 } });
  });

  it('anything else', () => {
    expect(summariseToken(Buffer.from('hello'))).toEqual({ length: 5, mechanism: 'unknown' });
    expect(summariseToken(Buffer.alloc(0))).toEqual({ length: 0, mechanism: 'unknown' });
  });

  it('never throw when damaged', () => {
    const originals = [NTLM_IN_INIT, NTLM_IN_RESP, AP_REQ, AP_REQ_IN_INIT, KRB_ERROR];
    const damaged = fc
      .tuple(fc.constantFrom(...originals), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), fc.nat())
      .map(([original, changes, cut]) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes.subarray(0, 1 + (cut % bytes.length));
      });
    fc.assert(
      fc.property(damaged, (bytes) => {
        expect(summariseToken(bytes).length).toBe(bytes.length);
      }),
    );
  });
});

describe('DER', () => {
  it('reads elements and identifiers', () => {
    expect(readElement(hex('0603550403ff'))).toMatchObject({ tag: 6, value: hex('550403'), rest: hex('ff') });
    // X.690 8.19.5: 2.999.3
    expect(oidText(hex('883703'))).toBe('2.999.3');
    expect(oidText(hex('2b0601050502'))).toBe('1.3.6.1.5.5.2');
  });

  it('stops at unsupported encodings', () => {
    expect(readElement(hex('3080'))).toBeUndefined();
    expect(readElement(hex('1f8101'))).toBeUndefined();
    expect(readElement(hex('3085'))).toBeUndefined();
    expect(readElements(Buffer.alloc(10_000))).toHaveLength(64);
  });
});

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
