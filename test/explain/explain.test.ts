import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain, explainable } from '../../src/explain/explain.js';
import { Fault } from '../../src/fault.js';

const codes = (query: string): string[] => explain(query).map(({ code }) => code);

function faultOf(query: string): Fault {
  try {
    explain(query);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error(`${query} was explained`);
}

describe('explain', () => {
  it.each([
    '0x800759DA',
    '0X800759da',
    '800759da',
    '2147965402',
    '-2147001894',
    '0x59DA',
    '59da',
    '23002',
    ' E_PROXY_RAP_ACCESSDENIED ',
    'e_proxy_rap_accessdenied',
    'RAP_ACCESSDENIED',
    'rap accessdenied',
    'E_PROXY_RAP_ACCESSDENIED (0x800759DA)',
    'status: E_PROXY_RAP_ACCESSDENIED (0x800759DA)',
  ])('explains E_PROXY_RAP_ACCESSDENIED in the form %s', (query) => {
    expect(explain(query)).toHaveLength(1);
    expect(explain(query)[0]).toMatchObject({
      code: '0x800759DA',
      names: ['E_PROXY_RAP_ACCESSDENIED'],
      family: 'MS-TSGU',
      meaning: "the gateway's policy does not allow this target for this user",
      section: '2.2.6',
      forms: ['0x59DA', '0x800759DA', '23002', '2147965402', '-2147001894'],
      related: ['0x300001B', '0x3000045'],
    });
  });

  it.each([
    ['0x59DD', 'E_PROXY_TS_CONNECTFAILED'],
    ['0x800759F6', 'E_PROXY_SESSIONTIMEOUT'],
    ['0x8009030c', 'SEC_E_LOGON_DENIED'],
    ['80070005', 'E_ACCESSDENIED'],
    ['0x5', 'ERROR_ACCESS_DENIED'],
  ])('accepts both forms of a result code: %s', (query, name) => {
    expect(explain(query)[0]?.names).toEqual([name]);
  });

  it('finds the code in a log line of xfreerdp 2.11', () => {
    const line =
      '[12:00:00:123] [1:2] [ERROR][com.freerdp.core] - rdg_tls_connect:freerdp_set_last_error_ex ERRCONNECT_TLS_CONNECT_FAILED [0x00020008]';
    expect(codes(line)).toEqual(['0x00020008']);
  });

  it.each([
    ['147', ['0x0002000D']],
    ['exit 147', ['0x0002000D']],
    ['exit code: 131', ['exit 131']],
    ['131', ['exit 131']],
    ['0', ['exit 0', '0x00000000']],
    ['3', ['0x00010003', '0x3']],
    ['5', ['0x00010005', '0x00000005']],
    ['160', ['0x0002001D', '0x000000A0']],
  ])('lists the meanings of %s, an exit code first', (query, found) => {
    expect(codes(query)).toEqual(found);
  });

  it('reads a small hexadecimal number as a dialog or an extended error code, never as an exit code', () => {
    expect(codes('0x3')).toEqual(['0x3', '0x00010003']);
    expect(codes('0x7')).toEqual(['0x00010007']);
    expect(faultOf('0x83').code).toBe('CODE_UNKNOWN');
  });

  it('reads digits as hexadecimal only if the decimal number has no meaning', () => {
    expect(codes('104')).toEqual(['0x104']);
    expect(codes('516')).toEqual(['0x204']);
    expect(codes('204')).toEqual(['0x204']);
  });

  it('reports dialog codes that are not documented', () => {
    for (const query of ['0x300005F', '50331743', '0x2407', '0x607']) {
      const [only, ...more] = explain(query);
      expect(more).toEqual([]);
      expect(only?.family).toBe('mstsc');
      expect(only?.meaning).toContain('is not documented');
      expect(only?.source).toBe('no documentation; reports of users only');
    }
  });

  it.each([
    ['e_proxy_rap_acessdenied', 'did you mean E_PROXY_RAP_ACCESSDENIED'],
    ['ERRCONNECT_TLS_FAILED', 'did you mean ERRCONNECT_TLS_CONNECT_FAILED'],
    ['cookie', 'did you mean E_PROXY_COOKIE_BADPACKET or E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED?'],
    ['hello', 'run rdgw explain without arguments'],
    ['0xdeadbeef', 'run rdgw explain without arguments'],
    ['4294967296', 'run rdgw explain without arguments'],
    ['-5', 'run rdgw explain without arguments'],
    ['', 'run rdgw explain without arguments'],
    ['E', 'run rdgw explain without arguments'],
  ])('rejects %j with a hint', (query, hint) => {
    const fault = faultOf(query);
    expect(fault).toMatchObject({ kind: 'input', code: 'CODE_UNKNOWN' });
    expect(fault.hint).toContain(hint);
  });

  it('truncates and escapes an unknown code in the message', () => {
    const { message } = faultOf(`\u001b[31m${'x'.repeat(100_000)}`);
    expect(message.length).toBeLessThan(100);
    expect(message).not.toContain('\u001b');
  });

  it('explains or rejects any text', () => {
    const part = fc.constantFrom('0x', '-', 'E_PROXY_', 'exit ', '8', 'f', '0', '59da', '_', ' ', '[', 'ERRCONNECT');
    const text = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.array(part, { maxLength: 8 }).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(text, (query) => {
        try {
          expect(explain(query).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CODE_UNKNOWN' });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('all explanations', () => {
  it('are found by their code, by every other form and by every name', () => {
    for (const explanation of explainable()) {
      for (const query of [explanation.code, ...explanation.forms, ...explanation.names])
        expect(explain(query), query).toContain(explanation);
    }
  });

  it('refer only to codes that can be explained', () => {
    for (const { related } of explainable()) for (const code of related) expect(codes(code)).toHaveLength(1);
  });

  it('have each code once', () => {
    const all = explainable().map(({ code }) => code);
    expect(all.filter((code, index) => all.indexOf(code) !== index)).toEqual([]);
  });

  it('consist of short sentences, with one to six causes', () => {
    for (const { code, meaning, causes } of explainable()) {
      expect(meaning, code).toMatch(/^(?!.*\.$)\S/);
      expect(causes.length, code).toBeGreaterThan(0);
      expect(causes.length, code).toBeLessThanOrEqual(6);
      for (const text of causes.flatMap(({ cause, fix }) => [cause, fix])) {
        expect(text, code).toMatch(/^[A-Z/].*[.?]$/s);
        expect(text.length, `${code}: ${text}`).toBeLessThanOrEqual(240);
      }
    }
  });

  it('have a source if they are not in MS-TSGU', () => {
    for (const explanation of explainable())
      expect(explanation.section ?? explanation.source, explanation.code).toBeTruthy();
  });
});
