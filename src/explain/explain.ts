/** `rdgw explain`: the meaning of a code of the gateway protocol, of FreeRDP or of mstsc, with causes and fixes. */
import { distance } from 'fastest-levenshtein';
import { Fault } from '../fault.js';
import { quote } from '../policy/printable.js';
import { explainResult, RESULT, type ResultName } from '../protocol/index.js';
import { freerdpCode, freerdpCodes, freerdpExit } from './freerdp.js';
import { dialog, dialogs, dialogsLike, unsureDialog } from './mstsc.js';
import { type ParsedNumber, parseNumbers } from './number.js';
import { resultExplanation } from './results.js';
import type { Explanation } from './types.js';

/** A longer text is not a code, and comparing it with every name would be slow. */
const QUERY_MAX = 256;
/** Maximum length of a text that names are suggested for. */
const SUGGEST_LENGTH_MAX = 64;
const SUGGESTIONS_MAX = 3;
/** Shorter words occur in too many names. */
const WORD_MIN = 3;
/** Largest exit code of a process. */
const EXIT_MAX = 255;

const RESULTS = new Map(
  (Object.keys(RESULT) as ResultName[]).map((name) => [name, resultExplanation(name, dialogsLike(name))]),
);
const KNOWN: readonly Explanation[] = [...RESULTS.values(), ...freerdpCodes(), ...dialogs()];

/** Returns all explanations, result codes first. */
export function explainable(): readonly Explanation[] {
  return KNOWN;
}

/**
 * Explains `0x800759DA`, `800759da`, `2147965402`, `-2147001894`, `0x59DA`, `E_PROXY_RAP_ACCESSDENIED`, an `ERRCONNECT_…`
 * name, an exit code of xfreerdp, a dialog code of mstsc, in any letter case, or a log line that contains one of them.
 * Returns at least one explanation, the most likely first. A small number can have several.
 *
 * @throws {Fault} of kind `input` (`CODE_UNKNOWN`) with the nearest names as a hint.
 */
export function explain(query: string): readonly Explanation[] {
  const text = query.trim();
  const found = text.length > QUERY_MAX ? [] : meaningsOf(text);
  if (found.length === 0) throw unknown(text);
  return found;
}

function meaningsOf(text: string): readonly Explanation[] {
  const exit = EXIT_CODE.exec(text);
  if (exit) return defined([freerdpExit(Number(exit[1]))]);
  const readings = parseNumbers(text);
  if (readings.length > 0) return findByNumber(readings);
  const named = findByName(text);
  return named.length > 0 ? named : unique((text.match(CODE_IN_LINE) ?? []).flatMap(meaningsOfToken));
}

/** `exit 131` (as in our output) or `exit code 131`. */
const EXIT_CODE = /^exit(?:[ _-]?code)?[ :=]*(\d{1,3})$/i;
/** In a log line only text that cannot be a word or a time counts as a code. */
const CODE_IN_LINE = /\b0x[0-9a-f]{1,8}\b|\b[a-z]+(?:_[a-z0-9]+)+\b/gi;

function meaningsOfToken(token: string): readonly Explanation[] {
  const readings = parseNumbers(token);
  return readings.length > 0 ? findByNumber(readings) : findByName(token);
}

/** Returns the explanations of the first reading that has one, else dialog codes without documentation. */
function findByNumber(readings: readonly ParsedNumber[]): readonly Explanation[] {
  for (const { value, notation } of readings) {
    const exit = value <= EXIT_MAX && notation === 'decimal' ? freerdpExit(value) : undefined;
    const found = unique(defined([exit, resultOf(value), freerdpCode(value), dialog(value), endingOf(value)]));
    if (found.length > 0) return found;
  }
  return defined(readings.map(({ value, notation }) => unsureDialog(value, notation)));
}

/** The ERRINFO number with which the target ends a session is also the extended error code that mstsc shows. */
function endingOf(value: number): Explanation | undefined {
  return value > 0 && value <= EXIT_MAX ? freerdpCode(0x10000 | value) : undefined;
}

function resultOf(value: number): Explanation | undefined {
  return RESULTS.get(explainResult(value).name as ResultName);
}

/** Finds explanations by their full name, else by their name without its prefix. */
function findByName(text: string): readonly Explanation[] {
  const wanted = text.toUpperCase().replaceAll(/[\s-]+/g, '_');
  if (wanted === '') return [];
  const whole = KNOWN.filter(({ names }) => names.some((name) => name.toUpperCase() === wanted));
  if (whole.length > 0) return whole;
  return KNOWN.filter(({ names }) => names.some((name) => bareName(name) === bareName(wanted)));
}

function bareName(name: string): string {
  return name.toUpperCase().replace(/^(?:E_PROXY|SEC_E|ERROR|ERRCONNECT|ERRINFO|XF_EXIT|FREERDP_ERROR)_/, '');
}

function unknown(text: string): Fault {
  const suggestions = text.length > SUGGEST_LENGTH_MAX || parseNumbers(text).length > 0 ? [] : nearestNames(text);
  return new Fault({
    kind: 'input',
    code: 'CODE_UNKNOWN',
    message: `unknown code ${quote(text)}`,
    hint:
      suggestions.length > 0
        ? `did you mean ${suggestions.join(' or ')}?`
        : 'run rdgw explain without arguments to list all codes',
  });
}

/** Returns names that contain every word of `text`, then names with a similar spelling. */
function nearestNames(text: string): string[] {
  const maxEdits = Math.max(2, Math.floor(text.length / 3));
  const words = bareName(text)
    .split(/[^A-Z0-9]+/)
    .filter(({ length }) => length >= WORD_MIN);
  const containsWords = (name: string): boolean =>
    words.length > 0 && words.every((word) => name.toUpperCase().includes(word));
  return KNOWN.flatMap(({ names }) => names)
    .map((name) => ({ name, edits: containsWords(name) ? 0 : editDistance(text, name) }))
    .filter(({ edits }) => edits <= maxEdits)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, SUGGESTIONS_MAX)
    .map(({ name }) => name);
}

function editDistance(text: string, name: string): number {
  return Math.min(distance(text.toUpperCase(), name.toUpperCase()), distance(bareName(text), bareName(name)));
}

function defined(list: readonly (Explanation | undefined)[]): Explanation[] {
  return list.filter((one) => one !== undefined);
}

function unique(list: readonly Explanation[]): Explanation[] {
  return [...new Set(list)];
}
