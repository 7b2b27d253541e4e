import { describe, expect, it } from 'vitest';
import { createLog, type LogFields, type LogSettings, NAME_MAX, TEXT_MAX } from '../../../src/gateway/report/log.js';

function logged(settings: LogSettings) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...settings, write: (line) => void lines.push(line) }) };
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
const withoutTime = (line: string | undefined): string | undefined => line?.replace(TIME, 'T');

describe('a line of text', () => {
  it('has the time, the level, the message, the name of the event and its fields', () => {
    const { log, lines } = logged({ level: 'info', format: 'text' });
    const fields = { target: '[fe80::1]:3389', bytes: 7, local: false, detail: undefined, names: ['a.lan:1', '*.lan'] };
    log.with({ peer: '::1', user: 'alice' }).event('channel.opened', fields);
    expect(lines[0]).toMatch(TIME);
    expect(lines.map(withoutTime)).toEqual([
      'T info  channel opened event=channel.opened peer=::1 user=alice target=[fe80::1]:3389 bytes=7 local=false names=a.lan:1,*.lan\n',
    ]);
  });

  it.each([
    ['"two words"', 'two words'],
    ['""', ''],
    [String.raw`"say \"no\""`, 'say "no"'],
    [String.raw`"a\nT error forged=1"`, 'a\nT error forged=1'],
    [String.raw`"\u001b[2J"`, '\u001b[2J'],
    [String.raw`"\u202ecod\u200b.exe"`, '\u202ecod\u200b.exe'],
    [String.raw`"\u007f\u009b"`, '\u007f\u009b'],
    ['müller', 'müller'],
    ['иван', 'иван'],
    ['山田', '山田'],
    ['ไทย', 'ไทย'],
    ['m\u0308üller', 'm\u0308üller'],
    ['"Jörg Müller"', 'Jörg Müller'],
    ['"山田\u3000太郎"', '山田\u3000太郎'],
    ['"über=forged"', 'über=forged'],
    [String.raw`"\ud800"`, '\ud800'],
    ['"😀"', '😀'],
    ['"key=value"', 'key=value'],
  ])('shows %s', (text, value) => {
    const { log, lines } = logged({ level: 'info', format: 'text' });
    log.event('request.rejected', { user: value });
    expect(withoutTime(lines[0])).toBe(`T warn  request rejected event=request.rejected user=${text}\n`);
  });
});

it('a line of JSON is an object with the same fields', () => {
  const { log, lines } = logged({ level: 'info', format: 'json' });
  log.with({ peer: '::1' }).event('authentication.failed', { reason: 'a\nb', detail: undefined, names: ['a', 'b'] });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(lines[0] as string)).toEqual({
    level: 'warn',
    time: expect.stringMatching(TIME),
    peer: '::1',
    reason: 'a\nb',
    names: ['a', 'b'],
    event: 'authentication.failed',
    msg: 'authentication failed',
  });
});

it('a field of a line overrides one of its log', () => {
  const { log, lines } = logged({ level: 'info', format: 'text' });
  log.with({ user: 'alice', peer: '::1' }).event('session.ended', { user: 'bob' });
  expect(withoutTime(lines[0])).toBe('T info  session ended event=session.ended user=bob peer=::1\n');
});

it('level and format change in all derived logs too', () => {
  const { log, lines } = logged({ level: 'warn', format: 'text' });
  const child = log.with({ user: 'alice' });
  for (const one of [log, child]) {
    one.event('session.opened');
    one.event('session.ended');
    one.event('reload.refused');
    one.event('reload.failed');
  }
  expect(lines.map(withoutTime)).toEqual([
    'T warn  reload refused event=reload.refused\n',
    'T error reload failed, the former configuration stays in use event=reload.failed\n',
    'T warn  reload refused event=reload.refused user=alice\n',
    'T error reload failed, the former configuration stays in use event=reload.failed user=alice\n',
  ]);
  lines.length = 0;
  log.adjust({ level: 'debug', format: 'json' });
  child.event('session.opened');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'debug', user: 'alice', event: 'session.opened' },
  ]);
});

const HIDDEN: readonly (readonly [what: string, text: string, escaped: string])[] = [
  ['a control character of 8 bits', 'a\u009b2Jb', String.raw`a\u009b2Jb`],
  ['a delete character', 'a\u007fb', String.raw`a\u007fb`],
  ...[...'\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'].map(
    (mark) =>
      ['a bidirectional control', `a${mark}b`, `a\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}b`] as const,
  ),
  ['a line separator', 'a\u2028b', String.raw`a\u2028b`],
  ['a paragraph separator', 'a\u2029b', String.raw`a\u2029b`],
  ['a next-line character', 'a\u0085b', String.raw`a\u0085b`],
  ['half a surrogate pair', 'a\ud800b', String.raw`a\ud800b`],
  ['the other half', 'ab\udfff', String.raw`ab\udfff`],
  ['a zero-width space', 'a\u200bb', String.raw`a\u200bb`],
  ['a byte order mark', 'a\ufeffb', String.raw`a\ufeffb`],
  ['a soft hyphen', 'a\u00adb', String.raw`a\u00adb`],
  ['a filler that shows nothing', 'a\u3164b', String.raw`a\u3164b`],
  ['a tag character', 'a\u{e0041}b', String.raw`a\udb40\udc41b`],
  ['a private character', 'a\ue000b', String.raw`a\ue000b`],
  ['an unassigned character', 'a\u0378b', String.raw`a\u0378b`],
  ['a combining mark without a letter', '\u0308b', String.raw`\u0308b`],
  ['many combining marks', `a${'\u0308'.repeat(6)}b`, `a${'\u0308'.repeat(4)}${String.raw`\u0308\u0308`}b`],
];

describe.each(['text', 'json'] as const)('a line of %s', (format) => {
  it.each(HIDDEN)('escapes %s', (_, text, escaped) => {
    // A long value, and one in a list: pino writes each of these in its own way.
    for (const fields of [{ user: text }, { reason: text + 'x'.repeat(100) }, { targets: [text] }]) {
      const { log, lines } = logged({ level: 'info', format });
      log.event('channel.refused', fields);
      expect(lines[0]).toContain(escaped);
      expect(lines[0]).toMatch(/^[^\n]+\n$/);
      if (format === 'json') expect(JSON.parse(lines[0] as string)).toMatchObject(fields);
    }
  });
});

it('a line of JSON has printable characters as they are', () => {
  const { log, lines } = logged({ level: 'info', format: 'json' });
  log.event('channel.refused', { user: 'Jörg 山田 😀' });
  expect(lines[0]).toContain('"user":"Jörg 山田 😀"');
});

describe.each(['text', 'json'] as const)('a line of %s', (format) => {
  const lineOf = (fields: LogFields): string => {
    const { log, lines } = logged({ level: 'info', format });
    log.with({ user: 'alice' }).event('channel.refused', fields);
    return lines[0] as string;
  };

  it.each([
    ['names', 'client', NAME_MAX],
    ['sentences', 'reason', TEXT_MAX],
  ])('has %s of a limited length, and the number of characters that are left out', (_, field, max) => {
    expect(lineOf({ [field]: 'x'.repeat(max) })).not.toContain(' more characters)');
    const line = lineOf({ [field]: `${'x'.repeat(max)}yz` });
    expect(line).toContain(' (2 more characters)');
    expect(line).toMatch(/x{10}(?:…|\\u2026) \(/);
    expect(line).not.toContain('y');
  });

  it('has the length of a name, however long the one that a client sends', () => {
    const line = lineOf({ client: 'ä'.repeat(32_000) });
    expect(line).toContain(` (${32_000 - NAME_MAX} more characters)`);
    expect(Buffer.byteLength(line)).toBeLessThan(2048);
  });

  it('has whole targets: the longest names with their ports', () => {
    const target = ['a', 'b', 'c'].map((letter) => `${`${letter.repeat(49)}.`.repeat(5)}com:65535`).join(',');
    expect(lineOf({ target })).toContain(target);
  });

  it('is bounded where every value is as long as it may be and every character is escaped', () => {
    const long = '\u202e\u0007'.repeat(20_000);
    const fields = { peer: long, client: long, target: long, address: long, correlation: long, reason: long };
    expect(Buffer.byteLength(lineOf({ ...fields, targets: Array(10_000).fill(long) }))).toBeLessThan(32 * 1024);
  });

  it('does not cut a character in two', () => {
    const line = lineOf({ client: `x${'😀'.repeat(200)}` });
    expect(line.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, '')).not.toMatch(
      /[\ud800-\udfff]|\\ud[89ab]..(?!\\ud[c-f])/,
    );
  });

  it('has the first names of a long list, and the number of the rest', () => {
    const line = lineOf({
      targets: Array.from({ length: 1000 }, (_, index) => `desk-${String(index).padStart(5, '0')}`),
    });
    expect(line).toContain('desk-00101');
    expect(line).not.toContain('desk-00102');
    expect(line).toContain(' (898 more)');
  });
});
