/** Formats explanations as text lines without line feeds. */
import type { Explanation } from './types.js';

/** Colors of the parts. A theme of src/render has this type. */
export interface Paints {
  readonly title: (text: string) => string;
  readonly place: (text: string) => string;
  readonly name: (text: string) => string;
  readonly note: (text: string) => string;
}

const identity = (text: string): string => text;
const PLAIN: Paints = { title: identity, place: identity, name: identity, note: identity };

/** Longer lines are hard to read, even on a wide terminal. */
const WIDTH_MAX = 100;
const WIDTH_MIN = 30;
const INDENT = '  ';

export interface TextOptions {
  readonly paints?: Paints;
  /** Width of the terminal in columns. */
  readonly width?: number;
}

/** Formats one block for each explanation, in the given order. */
export function explanationLines(
  explanations: readonly Explanation[],
  { paints = PLAIN, width = 80 }: TextOptions = {},
): string[] {
  const columns = Math.max(WIDTH_MIN, Math.min(width, WIDTH_MAX));
  const several = `This code has ${explanations.length} meanings, the most likely first.`;
  const blocks = explanations.flatMap((one) => ['', ...blockLines(one, paints, columns)]).slice(1);
  return explanations.length > 1 ? [...wrap(several, columns), '', ...blocks] : blocks;
}

function blockLines(one: Explanation, paints: Paints, columns: number): string[] {
  const [name, ...more] = one.names;
  const title = name === undefined ? paints.title(one.code) : `${paints.title(name)}${INDENT}${paints.name(one.code)}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Kind', kindOf(one)],
    ['Names', more.join(', ')],
    ['Same as', one.forms.filter((form) => form !== one.code).join(', ')],
    ['Seen in', one.seenIn],
    // The relation between a dialog and a result code is only known from the message.
    [one.family === 'mstsc' ? 'Gateway' : 'In mstsc', probably(one.related)],
    ['Source', one.source],
  ];
  const label = Math.max(...facts.map(([text]) => text.length));
  return [
    title,
    ...wrap(sentence(one.meaning), columns),
    '',
    ...facts
      .filter(([, value]) => value)
      .flatMap(([text, value = '']) => {
        const lines = wrap(value, columns - label - 2 * INDENT.length);
        return indentAfter(lines, `${INDENT}${text.padEnd(label)}${INDENT}`, paints.place);
      }),
    ...one.causes.flatMap(({ cause, fix }, index) => [
      '',
      ...indentAfter(wrap(cause, columns - NUMBER), `${String(index + 1).padStart(NUMBER - 2)}. `, paints.place),
      ...indentAfter(wrap(fix, columns - NUMBER - FIX.length), `${' '.repeat(NUMBER)}${FIX}`, paints.note),
    ]),
  ];
}

function probably(codes: readonly string[]): string {
  return codes.length === 0 ? '' : `probably ${codes.join(' or ')}`;
}

const NUMBER = 5;
const FIX = 'Fix: ';

const FAMILIES: Readonly<Record<Explanation['family'], string>> = {
  'MS-TSGU': 'result code of the gateway protocol',
  Win32: 'Windows code, used by the gateway protocol',
  FreeRDP: 'FreeRDP',
  mstsc: "dialog of Microsoft's clients",
};

function kindOf({ family, section }: Explanation): string {
  return section === undefined ? FAMILIES[family] : `${FAMILIES[family]}, MS-TSGU ${section}`;
}

/** Formats one line per code. Lines are truncated to `width` if given; without it (for a pipe) they are complete, for grep. */
export function listLines(explanations: readonly Explanation[], { paints = PLAIN, width }: TextOptions = {}): string[] {
  const code = Math.max(0, ...explanations.map((one) => one.code.length));
  return explanations.map((one) => {
    const name = one.names[0] === undefined ? '' : `${one.names[0]}${INDENT}`;
    const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(0, width - code - INDENT.length);
    const text = cut(`${name}${one.meaning}`, room);
    return `${paints.name(one.code.padEnd(code))}${INDENT}${paints.title(text.slice(0, name.length))}${text.slice(name.length)}`;
  });
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
}

function indentAfter(lines: readonly string[], first: string, paint: (text: string) => string): string[] {
  return lines.map((line, index) => `${index === 0 ? paint(first) : ' '.repeat(first.length)}${line}`);
}

function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}

/** Breaks lines at spaces. A word that is longer than a line is not broken. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
