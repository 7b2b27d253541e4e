/** `rdgw explain`: what a code of the gateway protocol, of FreeRDP or of mstsc means, and what to do about it. */
import { distance } from 'fastest-levenshtein';
import { Fault } from '../fault.js';
import { quote } from '../policy/printable.js';
import { explainResult, RESULT, type ResultName } from '../protocol/index.js';
import { freerdpCode, freerdpCodes, freerdpExit } from './freerdp.js';
import { dialog, dialogs, dialogsLike, unsureDialog } from './mstsc.js';
import { type ParsedNumber, parseNumbers } from './number.js';
import { resultExplanation } from './results.js';
import type { Explanation } from './types.js';

/** Longer words are no code, and comparing them with every name would take its time. */
const QUERY_MAX = 256;
const GUESS_MAX = 64;
const GUESSES = 3;
/** A single letter is in every name. */
const WORD_MIN = 3;
/** A process ends with at most this. */
const EXIT_MAX = 255;

const RESULTS = new Map(
  (Object.keys(RESULT) as ResultName[]).map((name) => [name, resultExplanation(name, dialogsLike(name))]),
);
const KNOWN: readonly Explanation[] = [...RESULTS.values(), ...freerdpCodes(), ...dialogs()];

/** Everything there is, result codes first. */
export function explainable(): readonly Explanation[] {
  return KNOWN;
}

/**
 * Explains `0x800759DA`, `800759da`, `2147965402`, `-2147001894`, `0x59DA`, `E_PROXY_RAP_ACCESSDENIED`, an `ERRCONNECT_…`
 * name, an exit code of xfreerdp, a dialog code of mstsc, in any case, or a line of a log that holds one of them.
 * Returns at least one explanation, the likeliest first: small numbers mean several things.
 * @throws Fault `CODE_UNKNOWN` (input), with the nearest names.
 */
export function explain(query: string): readonly Explanation[] {
  const text = query.trim();
  const found = text.length > QUERY_MAX ? [] : meaningsOf(text);
  if (found.length === 0) throw unknown(text);
  return found;
}

function meaningsOf(text: string): readonly Explanation[] {
  const exit = EXIT_CODE.exec(text);
  if (exit) return present([freerdpExit(Number(exit[1]))]);
  const readings = parseNumbers(text);
  if (readings.length > 0) return byNumber(readings);
  const named = byName(text);
  return named.length > 0 ? named : unique((text.match(CODE_IN_LINE) ?? []).flatMap(inLine));
}

/** `exit 131`, `exit code 131`, as we print it. */
const EXIT_CODE = /^exit(?:[ _-]?code)?[ :=]*(\d{1,3})$/i;
/** In a line of a log only what cannot be a word or a time is taken for a code. */
const CODE_IN_LINE = /\b0x[0-9a-f]{1,8}\b|\b[a-z]+(?:_[a-z0-9]+)+\b/gi;

function inLine(token: string): readonly Explanation[] {
  const readings = parseNumbers(token);
  return readings.length > 0 ? byNumber(readings) : byName(token);
}

/** The first reading that says something; then what we know exists, and then what we are not sure of. */
function byNumber(readings: readonly ParsedNumber[]): readonly Explanation[] {
  for (const { value, notation } of readings) {
    const exit = value <= EXIT_MAX && notation === 'decimal' ? freerdpExit(value) : undefined;
    const found = unique(present([exit, result(value), freerdpCode(value), dialog(value), ending(value)]));
    if (found.length > 0) return found;
  }
  return present(readings.map(({ value, notation }) => unsureDialog(value, notation)));
}

/** What the target says at the end has the number that mstsc shows as its extended error code. */
function ending(value: number): Explanation | undefined {
  return value > 0 && value <= EXIT_MAX ? freerdpCode(0x10000 | value) : undefined;
}

function result(value: number): Explanation | undefined {
  return RESULTS.get(explainResult(value).name as ResultName);
}

/** Whole names, and names without the prefix that everybody leaves out. */
function byName(text: string): readonly Explanation[] {
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
  const near = text.length > GUESS_MAX || parseNumbers(text).length > 0 ? [] : nearestNames(text);
  return new Fault({
    kind: 'input',
    code: 'CODE_UNKNOWN',
    message: `nothing is known of ${quote(text)}`,
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'rdgw explain lists every code that it knows',
  });
}

/** Names that hold every word of `text`, then those that are spelt almost like it. */
function nearestNames(text: string): string[] {
  const most = Math.max(2, Math.floor(text.length / 3));
  const words = bareName(text)
    .split(/[^A-Z0-9]+/)
    .filter(({ length }) => length >= WORD_MIN);
  const holds = (name: string): boolean => words.length > 0 && words.every((word) => name.toUpperCase().includes(word));
  return KNOWN.flatMap(({ names }) => names)
    .map((name) => ({ name, steps: holds(name) ? 0 : stepsTo(text, name) }))
    .filter(({ steps }) => steps <= most)
    .sort((a, b) => a.steps - b.steps)
    .slice(0, GUESSES)
    .map(({ name }) => name);
}

function stepsTo(text: string, name: string): number {
  return Math.min(distance(text.toUpperCase(), name.toUpperCase()), distance(bareName(text), bareName(name)));
}

function present(list: readonly (Explanation | undefined)[]): Explanation[] {
  return list.filter((one) => one !== undefined);
}

function unique(list: readonly Explanation[]): Explanation[] {
  return [...new Set(list)];
}
