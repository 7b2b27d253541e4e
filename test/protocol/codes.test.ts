import { describe, expect, it } from 'vitest';
import { explainResult, hresultOfWin32, RESULT, resultHex, resultLabel } from '../../src/protocol/index.js';

describe('explainResult', () => {
  it('has a name and a description for every code', () => {
    for (const [name, code] of Object.entries(RESULT)) {
      const { description, ...meaning } = explainResult(code);
      expect(meaning).toEqual({ name });
      expect(description).toMatch(/^[a-z].*[^.]$/);
    }
  });

  it.each([
    [0x800759dd, 'E_PROXY_TS_CONNECTFAILED'],
    [0x59dd, 'E_PROXY_TS_CONNECTFAILED'],
    [0x59e6, 'E_PROXY_MAXCONNECTIONSREACHED'],
    [0x59f6, 'E_PROXY_SESSIONTIMEOUT'],
    [0x800759f6, 'E_PROXY_SESSIONTIMEOUT'],
    [0x800704ca, 'ERROR_GRACEFUL_DISCONNECT'],
    [5, 'ERROR_ACCESS_DENIED'],
    [0x80070005, 'E_ACCESSDENIED'],
    [0x8009030c, 'SEC_E_LOGON_DENIED'],
    [0, 'SUCCESS'],
  ])('accepts both forms of a code: %i is %s', (code, name) => {
    expect(explainResult(code).name).toBe(name);
  });

  it.each([
    // Codes of other facilities whose low 16 bits equal a known code, such as NTE_BAD_DATA and ERROR_ACCESS_DENIED.
    0x80090005, 0x800100a0, 0x00010005, 0x80000005, 0x000759dd, 0xc0000005, 0x80070000, 0x80070001, 1, 0xffffffff,
  ])('reports %i as unknown', (code) => {
    expect(explainResult(code)).toEqual({ name: resultHex(code), description: 'an unknown code' });
  });
});

describe('result codes as text', () => {
  it('are formatted as in Windows dialogs', () => {
    expect(resultHex(5)).toBe('0x00000005');
    expect(resultHex(0x800759da)).toBe('0x800759DA');
    expect(resultLabel(0x59da)).toBe('E_PROXY_RAP_ACCESSDENIED (0x000059DA)');
    expect(resultLabel(0x1234)).toBe('0x00001234 (0x00001234)');
  });
});

describe('hresultOfWin32', () => {
  it('wraps the low form in the Win32 facility', () => {
    expect(hresultOfWin32(0x59dd)).toBe(RESULT.E_PROXY_TS_CONNECTFAILED);
    expect(hresultOfWin32(5)).toBe(RESULT.E_ACCESSDENIED);
  });
});
