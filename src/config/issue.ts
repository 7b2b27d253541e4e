import type { z } from 'zod';
import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import type { OriginOf } from './origin.js';
import { keysOf, SETTINGS } from './settings.js';

type Issue = z.core.$ZodIssue;

/**
 * A problem that the schema found, in our words.
 * @param originOf tells where the value stands; @param valueFor tells the value, only to guess which choice was meant.
 */
export function faultOf(issue: Issue, originOf: OriginOf, valueFor: (path: string) => unknown): Fault {
  if (issue.code === 'invalid_union') {
    const inner = branchOf(issue);
    if (inner !== undefined) return faultOf({ ...inner, path: [...issue.path, ...inner.path] }, originOf, valueFor);
  }
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
    message: wordsOf(issue, setting?.unit),
    ...(hint !== '' && { hint }),
  });
}

/** Of several forms a setting may have, the problem in the one that was probably meant: the one of the right type. */
function branchOf({ errors }: Extract<Issue, { code: 'invalid_union' }>): Issue | undefined {
  const branch = errors.find(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return branch?.find(({ code }) => code === 'unrecognized_keys') ?? branch?.[0];
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

// INVARIANT: the value itself is never repeated, since it may be a secret in the wrong place.
function wordsOf(issue: Issue, unit: string | undefined): string {
  const of = unit === undefined ? '' : ` ${unit}`;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}${of}`;
    case 'too_big':
      return issue.origin === 'array'
        ? `must have at most ${issue.maximum} entries`
        : `must be at most ${issue.maximum}${of}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'custom':
      return issue.message;
    default:
      return 'has the wrong form';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with settings',
  record: 'a section with settings',
};

function plain(markdown: string): string {
  const text = markdown.replaceAll('`', '').replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
