import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeQueryValue, queryParameters } from '../../src/http/query.js';

const NAMES = new Set(['conid', 'usrid']);
const read = (query: string) => [...queryParameters(query, NAMES)];

describe('the parameters of a query', () => {
  it.each([
    ['', []],
    ['ConId=x', [['conid', ['x']]]],
    [
      'CONID=x&usrid=y=z&conId=w',
      [
        ['conid', ['x', 'w']],
        ['usrid', ['y=z']],
      ],
    ],
    [
      '&&ConId&=&UsrId=&',
      [
        ['conid', ['']],
        ['usrid', ['']],
      ],
    ],
    ['a=ConId=x&xConId=y&ConId2=z&Con=1&Co%6eId=w&b?ConId=v', []],
    ['?ConId=x', []],
    ['ConId=%ff+%', [['conid', ['%ff+%']]]],
  ])('of %j are %j', (query, expected) => {
    expect(read(query)).toEqual(expected);
  });

  it('are those that URLSearchParams finds, where their names are not encoded', () => {
    const piece = fc.constantFrom('ConId', 'usrid', '=', '&', 'x', '%7B', '+', '?', ';', '%2f%C3%BC');
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (query) => {
          const expected = new Map<string, string[]>();
          // URLSearchParams drops one question mark at the start, which a query may begin with.
          for (const [name, value] of new URLSearchParams(`?${query}`)) {
            const key = name.toLowerCase();
            if (NAMES.has(key)) expected.set(key, [...(expected.get(key) ?? []), value]);
          }
          expect(read(query).map(([name, values]) => [name, values.map(decodeQueryValue)])).toEqual([...expected]);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a value of a query', () => {
  it.each([
    ['', ''],
    ['a%20b+c', 'a b c'],
    ['%7b%7D', '{}'],
    ['%C3%bc', 'ü'],
    ['%ff%C3x', '\ufffd\ufffdx'],
    ['%00', '\0'],
    ['%25ff', '%ff'],
  ])('%j is decoded to %j', (text, value) => {
    expect(decodeQueryValue(text)).toBe(value);
  });

  it.each(['%', '%f', 'a%', '%g0', '%0g', '%%20', '% 20', '%-1', '%+1'])('%j cannot be decoded', (text) => {
    expect(decodeQueryValue(text)).toBeUndefined();
  });
});
