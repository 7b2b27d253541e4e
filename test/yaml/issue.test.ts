import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Issue, issueMessage, meantIssue } from '../../src/yaml/issue.js';

/** Returns the first issue of a value that the schema rejects. */
function issueOf(schema: z.ZodType, value: unknown): Issue {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  return issue ?? expect.unreachable('the value was accepted');
}

describe('issueMessage', () => {
  it.each<[string, z.ZodType, unknown]>([
    ['must be text', z.string(), 1],
    ['must be a number', z.number(), 'x'],
    ['must be a number', z.number(), Number.NaN],
    ['must be a whole number', z.int(), 1.5],
    ['must be true or false', z.boolean(), 'yes'],
    ['must be a list', z.array(z.string()), 'x'],
    ['must be a section with settings', z.strictObject({}), [1]],
    ['must be a section with settings', z.record(z.string(), z.unknown()), 1],
    ['must be date', z.date(), 1],
    ['must not be empty', z.string().min(1), ''],
    ['must be at least 5', z.number().min(5), 4],
    ['must be at most 9', z.number().max(9), 10],
    ['must have at most 1 entries', z.array(z.string()).max(1), ['a', 'b']],
    ['must be one of text, json', z.enum(['text', 'json']), 'xml'],
    ['has the wrong form', z.union([z.string(), z.number()]), true],
    ['has the wrong form', z.string().regex(/x/), 'secret'],
  ])('%s', (message, schema, value) => {
    expect(issueMessage(issueOf(schema, value), undefined)).toBe(message);
  });

  it('adds the unit to the bounds of a number', () => {
    expect(issueMessage(issueOf(z.number().min(5), 4), 's')).toBe('must be at least 5 s');
    expect(issueMessage(issueOf(z.number().max(9), 10), 'bytes')).toBe('must be at most 9 bytes');
  });

  it('returns the message of a custom check', () => {
    const schema = z.string().refine(() => false, { message: 'must be [HOST:]PORT' });
    expect(issueMessage(issueOf(schema, 'x'), undefined)).toBe('must be [HOST:]PORT');
  });

  it.each<[z.ZodType, unknown]>([
    [z.number(), 'hunter2'],
    [z.enum(['text', 'json']), 'hunter2'],
    [z.string().max(1), 'hunter2'],
    [z.union([z.number(), z.boolean()]), 'hunter2'],
    [z.strictObject({}), { hunter2: 1 }],
  ])('does not repeat the value: %#', (schema, value) => {
    expect(issueMessage(issueOf(schema, value), undefined)).not.toContain('hunter2');
  });
});

describe('meantIssue', () => {
  const schema = z.strictObject({
    module: z.union([z.string().min(1), z.strictObject({ path: z.string().min(1), options: z.looseObject({}) })]),
  });
  const meant = (value: unknown) => meantIssue(issueOf(schema, { module: value }));

  it('returns the issue of the form with the matching type, with its full path', () => {
    expect(meant('')).toMatchObject({ code: 'too_small', path: ['module'] });
    expect(meant({ path: '', options: {} })).toMatchObject({ code: 'too_small', path: ['module', 'path'] });
    expect(meant({ path: 'a', options: 1 })).toMatchObject({ code: 'invalid_type', path: ['module', 'options'] });
  });

  it('prefers an unknown key to the missing key that it was probably meant for', () => {
    expect(meant({ pth: 'a', options: {} })).toMatchObject({
      code: 'unrecognized_keys',
      keys: ['pth'],
      path: ['module'],
    });
  });

  it('returns the union itself if no form has the type of the value', () => {
    expect(meant(true)).toMatchObject({ code: 'invalid_union', path: ['module'] });
  });

  it('resolves nested unions', () => {
    const nested = z.strictObject({
      a: z.union([z.number(), z.strictObject({ b: z.union([z.int(), z.array(z.int())]) })]),
    });
    expect(meantIssue(issueOf(nested, { a: { b: [1, 'x'] } }))).toMatchObject({
      code: 'invalid_type',
      path: ['a', 'b', 1],
    });
  });

  it('returns any other issue unchanged', () => {
    const issue = issueOf(z.number(), 'x');
    expect(meantIssue(issue)).toBe(issue);
  });
});
