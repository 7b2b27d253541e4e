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
    [String.raw`"m\u00fcller"`, 'müller'],
    [String.raw`"\ud800"`, '\ud800'],
    [String.raw`"\ud83d\ude00"`, '😀'],
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

describe.each(['text', 'json'] as const)('a line of %s', (format) => {
  const lineOf = (fields: LogFields): string => {
    const { log, lines } = logged({ level: 'info', format });
    log.with({ user: 'alice' }).event('channel.refused', fields);
    return lines[0] as string;
  };

  it.each([
    ['names', 'target', NAME_MAX],
    ['sentences', 'reason', TEXT_MAX],
  ])('has %s of a limited length, and the number of characters that are left out', (_, field, max) => {
    expect(lineOf({ [field]: 'x'.repeat(max) })).not.toContain(' more characters)');
    const line = lineOf({ [field]: `${'x'.repeat(max)}yz` });
    expect(line).toContain(' (2 more characters)');
    expect(line).toMatch(/x{10}(?:…|\\u2026) \(/);
    expect(line).not.toContain('y');
  });

  it('has the length of a name, however long the one that a client asks for', () => {
    const line = lineOf({ target: 'ä'.repeat(32_000) });
    expect(line).toContain(` (${32_000 - NAME_MAX} more characters)`);
    expect(Buffer.byteLength(line)).toBeLessThan(2048);
  });

  it('is bounded where every value is as long as it may be and every character is escaped', () => {
    const long = '\u202e\u0007'.repeat(20_000);
    const fields = { peer: long, client: long, target: long, address: long, correlation: long, reason: long };
    expect(Buffer.byteLength(lineOf({ ...fields, targets: Array(10_000).fill(long) }))).toBeLessThan(32 * 1024);
  });

  it('does not cut a character in two', () => {
    const line = lineOf({ target: `x${'😀'.repeat(200)}` });
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
