import { Fault } from '../fault.js';
import { type Issue, issueMessage, meantIssue } from '../yaml/issue.js';
import { nearest } from '../yaml/nearest.js';
import type { OriginOf } from './origin.js';
import { keysOf, SETTINGS } from './settings.js';

/**
 * A problem that the schema found, in our words.
 * @param originOf tells where the value stands; @param valueFor tells the value, only to guess which choice was meant.
 */
export function faultOf(found: Issue, originOf: OriginOf, valueFor: (path: string) => unknown): Fault {
  const issue = meantIssue(found);
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return new Fault({
      ...originOf([...issue.path, key]),
      code: 'CONFIG_UNKNOWN_KEY',
      message: 'unknown setting',
      hint: hintFor(key, path),
    });
  }
  const setting = SETTINGS.find((row) => row.path === path);
  const meant = nearest(String(valueFor(path)), setting?.choices ?? []);
  const hint = meant === undefined ? plain(setting?.reason ?? '') : `did you mean ${meant}?`;
  return new Fault({
    ...originOf(issue.path),
    code: 'CONFIG_INVALID',
    message: issueMessage(issue, setting?.unit),
    ...(hint !== '' && { hint }),
  });
}

/** A key may be mistyped, or right and in the wrong section. */
function hintFor(key: string, section: string): string {
  const known = section === 'auth.module' ? ['path', 'options'] : keysOf(section);
  const prefix = section === '' ? '' : `${section}.`;
  const near = nearest(key, known);
  if (near !== undefined) return `did you mean ${prefix}${near}?`;
  const elsewhere = SETTINGS.find(({ path }) => path.split('.').at(-1) === key);
  if (elsewhere !== undefined) return `did you mean ${elsewhere.path}?`;
  return known.length === 0 ? 'remove it' : `known here: ${known.join(', ')}`;
}

function plain(markdown: string): string {
  const text = markdown.replaceAll('`', '').replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
