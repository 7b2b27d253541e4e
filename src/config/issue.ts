import { Fault } from '../fault.js';
import { type Issue, issueMessage, meantIssue } from '../yaml/issue.js';
import { nearest } from '../yaml/nearest.js';
import type { OriginOf } from './origin.js';
import { keysOf, SETTINGS } from './settings.js';

/**
 * Converts an issue of the schema to a `Fault` (`CONFIG_UNKNOWN_KEY` or `CONFIG_INVALID`).
 *
 * @param originOf returns the location of a value.
 * @param valueFor returns the value of a setting, used only to guess which choice was meant.
 */
export function faultOf(zodIssue: Issue, originOf: OriginOf, valueFor: (path: string) => unknown): Fault {
  const issue = meantIssue(zodIssue);
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return new Fault({
      ...originOf([...issue.path, key]),
      code: 'CONFIG_UNKNOWN_KEY',
      message: 'unknown setting',
      hint: hintFor(key, issue.path.filter((name) => typeof name === 'string').join('.')),
    });
  }
  const setting = SETTINGS.find((row) => row.path === path);
  const meant = nearest(String(valueFor(path)), setting?.choices ?? []);
  const hint = meant === undefined ? hintText(setting?.reason ?? '') : `did you mean ${meant}?`;
  return new Fault({
    ...originOf(issue.path),
    code: 'CONFIG_INVALID',
    message: issueMessage(issue, setting?.unit),
    ...(hint !== '' && { hint }),
  });
}

/** The keys of settings that may be a section of their own. */
const FORM_KEYS: Readonly<Record<string, readonly string[]>> = {
  'auth.module': ['path', 'options'],
  listen: ['address', 'tls', 'proxyProtocol', 'mode', 'group'],
};

/** Suggests the nearest key of the section, or the same key in another section. */
function hintFor(key: string, section: string): string {
  const known = FORM_KEYS[section] ?? keysOf(section);
  const prefix = section === '' ? '' : `${section}.`;
  const nearestKey = nearest(key, known);
  if (nearestKey !== undefined) return `did you mean ${prefix}${nearestKey}?`;
  const elsewhere = SETTINGS.find(({ path }) => path.split('.').at(-1) === key);
  if (elsewhere !== undefined) return `did you mean ${elsewhere.path}?`;
  return known.length === 0 ? 'remove it' : `known here: ${known.join(', ')}`;
}

function hintText(markdown: string): string {
  const text = markdown.replaceAll('`', '').replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
