import { describe, expect, it } from 'vitest';
import { directionOf, endpointText, isoTime, spanLine } from '../../src/decode/json.js';
import { ndjson, VECTORS, vector } from './helper.js';

describe('a time', () => {
  it('has nine digits', () => {
    expect(isoTime(0n)).toBe('1970-01-01T00:00:00.000000000Z');
    expect(isoTime(1_795_392_000_123_456_789n)).toBe('2026-11-23T00:00:00.123456789Z');
    expect(isoTime(-1n)).toBe('1969-12-31T23:59:59.999999999Z');
  });

  it('outside the range of a Date is clamped and does not throw', () => {
    for (const time of [2n ** 64n * 1_000_000_000n, -(2n ** 80n), 253_402_300_800_000_000_000n])
      expect(isoTime(time)).toMatch(/^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(isoTime(253_402_300_800_000_000_001n)).toBe('+010000-01-01T00:00:00.000000001Z');
  });
});

describe('the format', () => {
  it('of endpoints and directions', () => {
    expect(endpointText({ address: '10.0.0.1', port: 443 })).toBe('10.0.0.1:443');
    expect(endpointText({ address: 'fd00::2', port: 443 })).toBe('[fd00::2]:443');
    expect([directionOf('client'), directionOf('server')]).toEqual(['client-to-server', 'server-to-client']);
  });

  it('of spans: bytes as hexadecimal text, 64-bit numbers as decimal text, null for a group', () => {
    const leaf = { name: 'a', offset: 8, length: 1, value: 7, text: 'SEVEN' };
    const bytes = { name: 'b', offset: 9, length: 2, value: Buffer.from('beef', 'hex') };
    const large = { name: 'c', offset: 11, length: 8, value: 2n ** 63n };
    expect(spanLine({ name: 'group', offset: 8, length: 11, children: [leaf, bytes, large] })).toEqual({
      name: 'group',
      offset: 8,
      length: 11,
      value: null,
      children: [
        leaf,
        { name: 'b', offset: 9, length: 2, value: 'beef' },
        { name: 'c', offset: 11, length: 8, value: '9223372036854775808' },
      ],
    });
  });
});

describe('secrets', () => {
  const { file, keylogs } = vector('fr3-ext-ws');
  /** Types of the NTLM messages (2 CHALLENGE, 3 AUTHENTICATE) whose bytes are in the lines. */
  const blobs = async (secrets: boolean): Promise<string[]> => {
    const lines = await ndjson({ file, keylogs, secrets, verbose: true });
    return [...JSON.stringify(lines).matchAll(/4e544c4d53535000(0[23])/g)].map(([, type]) => type as string);
  };

  it('of NTLM are in fields and spans only with the option', async () => {
    expect(await blobs(false)).toEqual([]);
    expect(await blobs(true)).toEqual(['02', '02', '03', '03']);
  });

  it('keep their offset and length when they are hidden', async () => {
    const lines = await ndjson({ file, keylogs, verbose: true });
    const spans = lines.filter(({ packetType }) => packetType === 3).map((line) => (line.spans as object[]).at(-1));
    expect(spans[2]).toEqual({
      name: 'authBlob',
      offset: 14,
      length: 334,
      value: null,
      text: 'not shown without --secrets',
    });
  });

  it('include the payload of DATA, which is in spans only with the option', async () => {
    const data = { hex: '0a0000000d0000000300616263', verbose: true };
    expect(JSON.stringify(await ndjson(data))).not.toContain('616263');
    expect(JSON.stringify(await ndjson({ ...data, payload: true }))).toContain('616263');
  });
});

describe('the lines', () => {
  for (const [name, request] of Object.entries(VECTORS)) {
    it(`of ${name} number the packets from 1, are ordered by time and finish with the end event`, async () => {
      const lines = await ndjson(request);
      const pdus = lines.filter(({ type }) => type === 'pdu');
      expect(pdus.map(({ n }) => n)).toEqual(pdus.map((_, index) => index + 1));
      expect(lines.map(({ time }) => time)).toEqual(lines.map(({ time }) => time).sort());
      expect(lines[0]?.type).toBe('connection');
      expect(lines.at(-1)?.type).toBe('end');
    });
  }

  it('have spans with --verbose, and their leaves cover the packet', async () => {
    interface Span {
      readonly offset: number;
      readonly length: number;
      readonly children?: readonly Span[];
    }
    const leaves = (span: Span): readonly Span[] => span.children?.flatMap(leaves) ?? [span];
    for (const line of await ndjson({ ...vector('fr3-ext-ws'), verbose: true })) {
      if (line.type !== 'pdu') continue;
      let at = 0;
      for (const leaf of (line.spans as Span[]).flatMap(leaves)) {
        expect(leaf.offset).toBe(at);
        at += leaf.length;
      }
      expect(at).toBe(line.length);
    }
    expect((await ndjson(vector('fr3-ext-ws'))).some((line) => 'spans' in line)).toBe(false);
  });

  it('have the payload of DATA only with --payload', async () => {
    const request = vector('fr2-paa-ws');
    const data = (lines: Record<string, unknown>[]) => lines.filter(({ packetType }) => packetType === 10);
    const fields = (lines: Record<string, unknown>[]) => data(lines).map((line) => Object.keys(line.fields as object));
    expect(new Set((await ndjson(request).then(fields)).flat())).toEqual(new Set(['cbDataLen']));
    const [first] = data(await ndjson({ ...request, payload: true }));
    expect(first?.fields).toEqual({ cbDataLen: 42, data: expect.stringMatching(/^0300002a25e0/) });
  });

  it('name the user, and contain NTLM responses only with --secrets', async () => {
    const request = { ...vector('fr3-ntlm-dual') };
    const auths = (await ndjson(request)).filter(({ type }) => type === 'auth');
    expect(auths.map(({ header }) => header)).toContain('www-authenticate');
    const ntlm = auths.map(({ token }) => (token as { ntlm?: Record<string, unknown> } | undefined)?.ntlm);
    expect(ntlm.find((one) => one?.type === 'authenticate')).toMatchObject({ domain: 'LAB', user: 'gwuser' });
    expect(JSON.stringify(auths)).not.toContain('ntResponse');
    const open = JSON.stringify(await ndjson({ ...request, secrets: true }));
    expect(open).toContain('ntResponse');
    const [response = ''] = /(?<="ntResponse":")[0-9a-f]+/.exec(open) ?? [];
    const whole = JSON.stringify(await ndjson({ ...request, verbose: true }));
    expect(whole).not.toContain(response);
    expect(whole).not.toContain(Buffer.from(response, 'hex').toString('base64').slice(4, -4));
  });
});
