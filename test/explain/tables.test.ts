/** Compares the tables with the numbers of FreeRDP's headers, the specification and Microsoft's documentation. */
import { describe, expect, it } from 'vitest';
import { freerdpCode, freerdpExit } from '../../src/explain/freerdp.js';
import { dialog, dialogsLike } from '../../src/explain/mstsc.js';
import { RESULT_ROWS } from '../../src/explain/results.js';
import { RESULT } from '../../src/protocol/index.js';

describe('result codes', () => {
  it('have one row each, with one to three causes', () => {
    expect(Object.keys(RESULT_ROWS).sort()).toEqual(Object.keys(RESULT).sort());
    for (const { seenIn, causes } of Object.values(RESULT_ROWS)) {
      expect(seenIn).not.toMatch(/\.$/);
      expect(causes.length).toBeGreaterThanOrEqual(1);
      expect(causes.length).toBeLessThanOrEqual(3);
    }
  });
});

describe('FreeRDP', () => {
  /** Name, number in the class and exit code of xfreerdp, from include/freerdp/error.h and client/X11/xfreerdp.h. */
  const HEADER: readonly (readonly [string, number, number | undefined])[] = [
    ['PRE_CONNECT_FAILED', 0x01, 136],
    ['CONNECT_UNDEFINED', 0x02, 137],
    ['POST_CONNECT_FAILED', 0x03, 138],
    ['DNS_ERROR', 0x04, 139],
    ['DNS_NAME_NOT_FOUND', 0x05, 140],
    ['CONNECT_FAILED', 0x06, 141],
    ['MCS_CONNECT_INITIAL_ERROR', 0x07, 142],
    ['TLS_CONNECT_FAILED', 0x08, 143],
    ['AUTHENTICATION_FAILED', 0x09, 132],
    ['INSUFFICIENT_PRIVILEGES', 0x0a, 144],
    ['CONNECT_CANCELLED', 0x0b, 145],
    ['SECURITY_NEGO_CONNECT_FAILED', 0x0c, 133],
    ['CONNECT_TRANSPORT_FAILED', 0x0d, 147],
    ['PASSWORD_EXPIRED', 0x0e, 148],
    ['PASSWORD_CERTAINLY_EXPIRED', 0x0f, 152],
    ['CLIENT_REVOKED', 0x10, 153],
    ['KDC_UNREACHABLE', 0x11, 150],
    ['ACCOUNT_DISABLED', 0x12, 151],
    ['PASSWORD_MUST_CHANGE', 0x13, 149],
    ['LOGON_FAILURE', 0x14, 134],
    ['WRONG_PASSWORD', 0x15, 154],
    ['ACCESS_DENIED', 0x16, 155],
    ['ACCOUNT_RESTRICTION', 0x17, 156],
    ['ACCOUNT_LOCKED_OUT', 0x18, 135],
    ['ACCOUNT_EXPIRED', 0x19, 157],
    ['LOGON_TYPE_NOT_GRANTED', 0x1a, 158],
    ['NO_OR_MISSING_CREDENTIALS', 0x1b, 159],
    ['ACTIVATION_TIMEOUT', 0x1c, undefined],
    ['TARGET_BOOTING', 0x1d, 160],
  ];

  it.each(HEADER)('ERRCONNECT_%s', (name, type, exit) => {
    const found = freerdpCode(0x20000 | type);
    expect(found?.names).toEqual([`ERRCONNECT_${name}`]);
    if (exit === undefined) expect(found?.seenIn).not.toContain('exit code');
    else expect(freerdpExit(exit)).toBe(found);
  });

  it('exits with the ERRINFO number of the target', () => {
    for (const type of [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12]) {
      expect(freerdpExit(type)).toBe(freerdpCode(0x10000 | type));
      expect(freerdpExit(type)?.names[0]).toMatch(/^ERRINFO_/);
    }
  });

  it('refers from exit code 131 to the name in the log', () => {
    expect(freerdpExit(131)?.causes[0]?.fix).toContain('rdgw explain');
  });
});

describe('mstsc', () => {
  it.each([
    // Decimal codes of the table of disconnect codes, and a word of the meaning.
    [50331651, /certificate/],
    [50331654, /name/],
    [50331660, /reached/],
    [50331673, /administrator/],
    [50331675, /may not reach/],
    [50331676, /may not use/],
    [50331682, /connections/],
    [50331701, /token/],
    [50331725, /too many/],
    [516, /could not connect/],
    [2308, /lost/],
  ])('%i', (code, about) => {
    expect(dialog(code)?.meaning).toMatch(about);
    expect(dialog(code)?.forms).toContain(String(code));
  });

  it('gives a dialog the causes of the matching result code', () => {
    expect(dialog(0x300001c)?.causes).toEqual(RESULT_ROWS.E_PROXY_NAP_ACCESSDENIED.causes);
    expect(dialogsLike('E_PROXY_COOKIE_AUTHENTICATION_ACCESS_DENIED')).toEqual(['0x3000035']);
    expect(dialogsLike('SUCCESS')).toEqual([]);
  });

  it('has no row for a code without a source', () => {
    for (const code of [0x300005f, 0x3000064, 0x607, 0x2407]) expect(dialog(code)).toBeUndefined();
  });
});
