/**
 * Round trips through emulations of each program's output. They were once compared with the programs for random bytes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHexText } from '../../../src/capture/hextext/index.js';
import { Fault } from '../../../src/fault.js';

describe('every form round-trips any bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 70 }),
    // Characters that are digits, spaces and delimiters.
    fc.array(fc.constantFrom(...Buffer.from('0123456789abcdef  |><.*:')), { minLength: 1, maxLength: 70 }),
    fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 90 })).map(([byte, length]) => Buffer.alloc(length, byte)),
  );
  const forms: Readonly<Record<string, (bytes: Buffer) => string>> = {
    xxd: (all) => dump(all, 16, (at, hex, shown) => `${pad(at, 8)}: ${groups(hex, 4).padEnd(39)}  ${shown}`),
    'hexdump -C': (all) => {
      const line = (at: number, hex: string, shown: string) => {
        const halves = `${groups(hex.slice(0, 16), 2)}  ${groups(hex.slice(16), 2)}`;
        return `${pad(at, 8)}  ${halves.padEnd(48)}  |${shown}|`;
      };
      return `${squeezed(dump(all, 16, line))}\n${pad(all.length, 8)}`;
    },
    'od -A x -t x1z': (all) =>
      `${dump(all, 16, (at, hex, shown) => `${pad(at, 6)} ${groups(hex, 2).padEnd(47)}  >${shown}<`)}\n${pad(all.length, 6)}`,
    'od -t x1': (all) => dump(all, 16, (at, hex) => `${at.toString(8).padStart(7, '0')} ${groups(hex, 2)}`),
    tshark: (all) => dump(all, 16, (at, hex, shown) => `${pad(at, 4)}  ${groups(hex, 2).padEnd(47)}   ${shown}`),
    'hex dump': (all) => dump(all, 16, (at, hex) => `${pad(at, 4)}   ${groups(hex, 2)}`),
    'xxd -p': (all) => groups(all.toString('hex'), 60).replaceAll(' ', '\n'),
    'C array': (all) => `unsigned char a[] = {\n${[...all].map((byte) => `0x${pad(byte, 2)}`).join(', ')}\n};`,
    escapes: (all) => [...all].map((byte) => `\\x${pad(byte, 2)}`).join(''),
    list: (all) => groups(all.toString('hex'), 2).replaceAll(' ', ','),
  };

  it.each(Object.entries(forms))('%s', (_name, form) => {
    fc.assert(
      fc.property(bytes, fc.boolean(), (values, windows) => {
        const all = Buffer.from(values);
        const text = form(all);
        expect(parseHexText(windows ? text.replaceAll('\n', '\r\n') : text)).toEqual(all);
      }),
      { numRuns: 150 },
    );
  });

  it('xxd -g4 -c 12, with characters that determine the byte order', () => {
    fc.assert(
      fc.property(bytes, (values) => {
        const all = Buffer.concat([Buffer.from('word'), Buffer.from(values)]);
        const text = dump(all, 12, (at, hex, shown) => `${pad(at, 8)}: ${groups(hex, 8).padEnd(26)}  ${shown}`);
        expect(parseHexText(text)).toEqual(all);
      }),
    );
  });

  it('base64', () => {
    fc.assert(
      fc.property(bytes, (values) => {
        const all = Buffer.from(values);
        expect(parseHexText(all.toString('base64'), 'base64')).toEqual(all);
        expect(parseHexText(all.toString('base64url'), 'base64')).toEqual(all);
      }),
    );
  });

  it('any other input throws a Fault', () => {
    const piece = fc.constantFrom(
      '0000',
      '0d',
      ' ',
      '  ',
      '\n',
      '*',
      ':',
      '{',
      '}',
      '/*',
      '*/',
      '"',
      '\\x0d',
      '\\',
      '0x',
      ',',
      '|',
      'z',
      '\u2028',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.constantFrom('hex' as const, 'base64' as const),
        (all, encoding) => {
          try {
            expect(parseHexText(all.join(''), encoding).length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(Fault);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  function dump(all: Buffer, width: number, line: (at: number, hex: string, shown: string) => string): string {
    const lines: string[] = [];
    for (let at = 0; at < all.length; at += width) {
      const part = all.subarray(at, at + width);
      lines.push(line(at, part.toString('hex'), part.toString('latin1').replace(/[^ -~]/g, '.')));
    }
    return lines.join('\n');
  }

  function squeezed(text: string): string {
    const lines = text.split('\n');
    const same = (i: number) => i > 0 && i < lines.length - 1 && lines[i]?.slice(8) === lines[i - 1]?.slice(8);
    return lines.flatMap((one, i) => (same(i) ? (same(i - 1) ? [] : ['*']) : [one])).join('\n');
  }

  function groups(hex: string, digits: number): string {
    return hex.match(new RegExp(`.{1,${digits}}`, 'g'))?.join(' ') ?? '';
  }

  function pad(value: number, digits: number): string {
    return value.toString(16).padStart(digits, '0');
  }
});
