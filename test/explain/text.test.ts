import { describe, expect, it } from 'vitest';
import { explain, explainable } from '../../src/explain/explain.js';
import { explanationLines, listLines } from '../../src/explain/text.js';

describe('explanationLines', () => {
  it('contain meaning, facts, causes and fixes', () => {
    expect(explanationLines(explain('0x5A00')).join('\n')).toBe(
      [
        'E_PROXY_REAUTH_NAP_FAILED  0x00005A00',
        'The client failed the health check when it authenticated again.',
        '',
        '  Kind      result code of the gateway protocol, MS-TSGU 2.2.6',
        '  Same as   0x5A00, 0x80075A00, 23040, 2147965440, -2147001856',
        '  Seen in   CLOSE_CHANNEL, after REAUTH_MESSAGE',
        '  In mstsc  probably 0x3000041',
        '',
        '  1. The repeated health check of the gateway failed.',
        '     Fix: Disable Network Access Protection. Current Windows clients do not',
        '          support it.',
      ].join('\n'),
    );
  });

  it('start with the number of meanings', () => {
    const lines = explanationLines(explain('3'));
    expect(lines[0]).toBe('This code has 2 meanings, the most likely first.');
    expect(lines.filter((line) => line.startsWith('  Kind'))).toHaveLength(2);
  });

  it.each([40, 60, 80, 100])('stay within %i columns, except for a longer word', (width) => {
    for (const line of explanationLines(explainable(), { width })) {
      if (line.trim().includes(' ') && !/^[A-Z0-9_x]+ {2}/i.test(line) && !/\S{20}/.test(line)) {
        expect(line.length, line).toBeLessThanOrEqual(width);
      }
    }
  });

  it('are limited to 100 columns, and work with a narrow terminal', () => {
    const wide = explanationLines(explain('0x800759DA'), { width: 1000 });
    expect(Math.max(...wide.map(({ length }) => length))).toBeLessThanOrEqual(100);
    expect(explanationLines(explain('0x800759DA'), { width: 0 }).length).toBeGreaterThan(wide.length);
  });

  it('have no trailing white space', () => {
    expect(explanationLines(explainable()).filter((line) => /\s$/.test(line))).toEqual([]);
  });

  it('use the colors of the theme', () => {
    const mark = (tag: string) => (text: string) => `<${tag}>${text}</${tag}>`;
    const paints = { title: mark('t'), place: mark('p'), name: mark('n'), note: mark('o') };
    const [title] = explanationLines(explain('0x59DA'), { paints });
    expect(title).toBe('<t>E_PROXY_RAP_ACCESSDENIED</t>  <n>0x800759DA</n>');
  });
});

describe('listLines', () => {
  it('has one line for each code, whole without a width', () => {
    const lines = listLines(explainable());
    expect(lines).toHaveLength(explainable().length);
    expect(lines).toContain(
      "0x800759DA  E_PROXY_RAP_ACCESSDENIED  the gateway's policy does not allow this target for this user",
    );
    expect(lines).toContain(
      'exit 131    XF_EXIT_CONN_FAILED  the connection failed for a reason that has no separate exit code',
    );
  });

  it.each([20, 40, 80])('truncates lines to %i columns', (width) => {
    const lines = listLines(explainable(), { width });
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
    expect(lines.some((line) => line.endsWith('…'))).toBe(true);
  });
});
