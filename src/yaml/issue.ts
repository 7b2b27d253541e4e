/** What a schema found wrong with a file that people write, as a message for them. */
import type { z } from 'zod';

export type Issue = z.core.$ZodIssue;

/** The problem itself: of a value that may have several forms, the one in the form that was probably meant. */
export function meantIssue(issue: Issue): Issue {
  const inner = issue.code === 'invalid_union' ? branchOf(issue) : undefined;
  return inner === undefined ? issue : meantIssue({ ...inner, path: [...issue.path, ...inner.path] });
}

/** Of several forms a setting may have, the problem in the one that was probably meant: the one of the right type. */
function branchOf({ errors }: Extract<Issue, { code: 'invalid_union' }>): Issue | undefined {
  const branch = errors.find(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  return branch?.find(({ code }) => code === 'unrecognized_keys') ?? branch?.[0];
}

// INVARIANT: the value itself is never repeated, since it may be a secret in the wrong place.
export function issueMessage(issue: Issue, unit: string | undefined): string {
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
