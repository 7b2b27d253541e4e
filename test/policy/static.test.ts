import { describe, expect, it, vi } from 'vitest';
import { parseTokenList, tokenFinder } from '../../src/policy/static.js';

const LIST = `\uFEFF# tokens of the lab
4f1c09ab5e6d7788aa  alice\r
\tb7e151628aed2a6abf \tCORP\\bob   desk.corp.example,192.168.0.7:3390

#c90fdaa22168c234c4 carol
`;

describe('parseTokenList', () => {
  it('reads tokens, users and targets', () => {
    expect(parseTokenList(LIST, 'tokens').map(({ user, targets, line }) => ({ user, targets, line }))).toEqual([
      { user: 'alice', targets: undefined, line: 2 },
      { user: 'CORP\\bob', targets: ['desk.corp.example:3389', '192.168.0.7:3390'], line: 3 },
    ]);
  });

  it('does not keep the tokens', () => {
    const kept = parseTokenList(LIST, 'tokens').map((entry) =>
      JSON.stringify({ ...entry, text: entry.digest.toString() }),
    );
    expect(kept.join()).not.toContain('4f1c09ab5e6d7788aa');
  });

  it.each([
    ['4f1c09ab5e6d7788aa', 'the line names no user'],
    ['short alice', 'the token is shorter than 16 characters'],
    ['4f1c09ab5e6d7788aä alice', 'the token is not printable ASCII of at most 1024 characters'],
    ['4f1c09ab5e6d7788aa alice a.example b.example', 'the line has too many fields'],
    [`4f1c09ab5e6d7788aa alice ${'a,'.repeat(1000)}a`, 'the line names more than 1000 targets'],
    ['4f1c09ab5e6d7788aa alice 10.1', '"10.1" is not a target'],
    ['4f1c09ab5e6d7788aa alice a.example,', '"" is not a target'],
    ['4f1c09ab5e6d7788aa ali\u202ece', 'the line names no user'],
    ['4f1c09ab5e6d7788aa alice\n4f1c09ab5e6d7788aa bob', 'the same token is in line 2'],
  ])('rejects %j with the line number and without the token', (row, message) => {
    const read = () => parseTokenList(`# first line\n${row}\n`, '/etc/tokens');
    expect(read).toThrow(
      expect.objectContaining({
        kind: 'configuration',
        code: 'TOKENS_FILE_INVALID',
        message,
        place: `/etc/tokens:${row.includes('\n') ? 3 : 2}`,
        hint: expect.not.stringContaining('4f1c09ab'),
      }),
    );
  });

  it('rejects a list without tokens', () => {
    expect(() => parseTokenList('# comment\n', 'tokens')).toThrow(
      expect.objectContaining({ message: 'the list is empty' }),
    );
  });
});

describe('tokenFinder', () => {
  const findToken = tokenFinder(parseTokenList(LIST, 'tokens'));

  it('finds a token by its exact text', () => {
    expect(findToken('4f1c09ab5e6d7788aa')?.user).toBe('alice');
    expect(findToken('b7e151628aed2a6abf')?.user).toBe('CORP\\bob');
  });

  it.each([
    '',
    '4f1c09ab5e6d7788a',
    '4f1c09ab5e6d7788aaa',
    '4F1C09AB5E6D7788AA',
    'c90fdaa22168c234c4',
    '#c90fdaa22168c234c4',
  ])('does not find %j', (token) => {
    expect(findToken(token)).toBeUndefined();
  });

  it('reads the digest of the token only, not every entry', () => {
    const list = Array.from(
      { length: 10_000 },
      (_, index) => `token-number-${String(index).padStart(6, '0')} user${index}`,
    );
    const entries = parseTokenList(list.join('\n'), 'tokens');
    const find = tokenFinder(entries);
    const reads = vi.fn();
    for (const entry of entries) Object.defineProperty(entry, 'digest', { get: reads });
    expect(find('token-number-009999')?.user).toBe('user9999');
    expect(find('token-number-010000')).toBeUndefined();
    expect(reads).not.toHaveBeenCalled();
  });
});
