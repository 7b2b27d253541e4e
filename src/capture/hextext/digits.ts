/** Hexadecimal digits without offsets: a hex stream or a list of values, in one or more lines. */
import { quoteText, type TextPlace, textFault } from './place.js';

/** Throws a `Fault` with the code `HEX_DIGIT`, `HEX_ODD`, `HEX_OFFSET` or `HEX_WORDS`. */
export function parseDigits(lines: readonly string[]): Buffer {
  return bytesOf(groupsIn(lines));
}

/** A run of digits without a separator. */
interface Group extends TextPlace {
  readonly digits: string;
  readonly prefixed: boolean;
}

function bytesOf(groups: readonly Group[]): Buffer {
  const isOneStream = groups.length === 1 || isWrapped(groups);
  const parts = groups.map((group) => {
    const { digits, prefixed } = group;
    if (prefixed && digits.length === 1) return `0${digits}`;
    if (prefixed && digits.length > 2 && !isOneStream) {
      const message = `${quoteText(`0x${digits}`)} is more than one byte, and nobody knows in which order`;
      throw textFault('HEX_WORDS', message, group, 'write each byte as a value of its own');
    }
    if (digits.length % 2 !== 0 && !isOneStream)
      throw textFault('HEX_ODD', `${quoteText(digits)} has ${digits.length} digits, and a byte has two`, group);
    return digits;
  });
  const digits = parts.join('');
  const last = groups.at(-1);
  if (last && digits.length % 2 !== 0)
    throw textFault('HEX_ODD', `${digits.length} digits are not whole bytes`, {
      line: last.line,
      column: last.column + last.digits.length - 1,
    });
  return Buffer.from(digits, 'hex');
}

/** Whether the groups are one stream wrapped into lines, perhaps in the middle of a byte. */
function isWrapped(groups: readonly Group[]): boolean {
  return groups.every(({ prefixed, line }, i) => !prefixed && line !== groups[i - 1]?.line);
}

function groupsIn(lines: readonly string[]): Group[] {
  return lines.flatMap((line, i) => {
    const groups: Group[] = [];
    if (line.trim() === '*') {
      const place = { line: i + 1, column: line.indexOf('*') + 1 };
      const hint = 'print all lines (-v), or the offsets too';
      throw textFault('HEX_OFFSET', 'without offsets nothing says how many lines "*" stands for', place, hint);
    }
    for (const { 0: word, index } of line.matchAll(/[^\s,:;-]+/g)) {
      let column = index + 1;
      // Values with a 0x prefix need no separator.
      for (const part of /x/i.test(word) ? word.split(/(?=0x)/i) : [word]) {
        const prefix = /^0x/i.exec(part)?.[0].length ?? 0;
        const digits = part.slice(prefix);
        const wrong = digits === '' ? 0 : digits.search(/[^0-9a-f]/i);
        if (wrong >= 0) {
          const seen = digits === '' ? part : ([...digits.slice(wrong)][0] ?? '');
          const place = { line: i + 1, column: column + prefix + wrong };
          throw textFault('HEX_DIGIT', `${quoteText(seen)} is not a hexadecimal digit`, place);
        }
        groups.push({ line: i + 1, column, digits, prefixed: prefix > 0 });
        column += part.length;
      }
    }
    return groups;
  });
}
