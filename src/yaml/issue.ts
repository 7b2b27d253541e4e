/** Converts issues of a zod schema to messages for users. */
import type { z } from 'zod';

export type Issue = z.core.$ZodIssue;

/**
 * Returns the issue to report. For a value that may have several forms (a union) it is the issue of the form that was probably
 * meant, with its full path.
 */
export function meantIssue(issue: Issue): Issue {
  const inner = issue.code === 'invalid_union' ? matchingFormIssue(issue) : undefined;
  return inner === undefined ? issue : meantIssue({ ...inner, path: [...issue.path, ...inner.path] });
}

/** Returns the issue of the first form whose type matches. An unknown key takes precedence over its other issues. */
function matchingFormIssue({ errors }: Extract<Issue, { code: 'invalid_union' }>): Issue | undefined {
  const branch = errors.find((issues) => !issues.some(isOtherForm));
  return branch?.find(({ code }) => code === 'unrecognized_keys') ?? branch?.[0];
}

/** Whether the issue is that the value has the type of another form. */
function isOtherForm(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return issue.errors.every((issues) => issues.some(isOtherForm));
  return issue.code === 'invalid_type';
}

/**
 * Returns the message of an issue, without the name of the setting.
 *
 * INVARIANT: the message never repeats the value, because it may be a misplaced secret.
 *
 * @param unit the unit of a number, for its bounds.
 */
export function issueMessage(issue: Issue, unit: string | undefined): string {
  const suffix = unit === undefined ? '' : ` ${unit}`;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}${suffix}`;
    case 'too_big':
      return issue.origin === 'array'
        ? `must have at most ${issue.maximum} entries`
        : `must be at most ${issue.maximum}${suffix}`;
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
