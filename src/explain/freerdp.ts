/**
 * Error codes in the log of FreeRDP (`ERRCONNECT_CONNECT_TRANSPORT_FAILED [0x0002000D]`) and exit codes of xfreerdp. Source of the
 * numbers and names: FreeRDP 2.11 and 3, include/freerdp/error.h and client/X11/xfreerdp.h.
 */
import { CONNECT_ROWS } from './freerdp-connect.js';
import { FREERDP_ENDINGS, XFREERDP_EXITS } from './freerdp-exits.js';
import { decimals, shortHex } from './number.js';
import type { FreerdpRow } from './rows.js';
import type { Explanation } from './types.js';

const ROWS: readonly FreerdpRow[] = [...CONNECT_ROWS, ...FREERDP_ENDINGS, ...XFREERDP_EXITS];
const ALL: readonly Explanation[] = ROWS.map(explained);

/** Returns the explanations of all FreeRDP codes. */
export function freerdpCodes(): readonly Explanation[] {
  return ALL;
}

/** Finds an explanation by the number in the log of FreeRDP. */
export function freerdpCode(code: number): Explanation | undefined {
  return ALL[ROWS.findIndex((row) => row.code === code)];
}

/** Finds an explanation by the exit code of xfreerdp. */
export function freerdpExit(exit: number): Explanation | undefined {
  return ALL[ROWS.findIndex((row) => row.exit === exit)];
}

function explained({ name, code, exit, meaning, causes }: FreerdpRow): Explanation {
  const locations = [
    ...(code === undefined ? [] : ['the log of FreeRDP']),
    ...(exit === undefined ? [] : [`exit code ${exit} of xfreerdp`]),
  ];
  return {
    code: code === undefined ? `exit ${exit}` : `0x${code.toString(16).toUpperCase().padStart(8, '0')}`,
    names: [name],
    family: 'FreeRDP',
    meaning,
    forms: [
      ...(code === undefined ? [] : [shortHex(code), ...decimals(code)]),
      ...(code === undefined || exit === undefined ? [] : [`exit ${exit}`]),
    ],
    seenIn: locations.join(', '),
    causes,
    related: [],
    source: 'FreeRDP, include/freerdp/error.h and client/X11/xfreerdp.h',
  };
}
