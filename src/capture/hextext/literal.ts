/** Bytes in source code: arrays in braces or square brackets, and strings with `\x` escapes. */
import { quoteText, textFault } from './place.js';

/** Whether the text is source code and neither digits nor a dump. */
export function isLiteral(text: string): boolean {
  // The character column of a dump may contain any of these characters, but a dump begins with an offset.
  if (/^\ufeff?\s*(?:0x)?[0-9a-f]{4,16}(?::\s|\s)/i.test(text)) return false;
  return /[{[\\]|\/\*|\/\//.test(text);
}

/** Throws a `Fault` with the code `HEX_DIGIT`, `HEX_WORDS` or `HEX_AMBIGUOUS`. */
export function parseLiteral(lines: readonly string[]): Buffer {
  const code = new Code(lines);
  if (code.text.includes('{')) return arrays(code, /\{([^{}]*)(?:\}|$)/g);
  if (code.text.includes('[') && !code.text.includes('\\')) return arrays(code, /\[([^[\]]*)(?:\]|$)/g);
  return code.text.includes('\\') ? strings(code) : values(code, 0, code.text.length, false);
}

/** The text with its comments replaced by spaces, so that all positions are unchanged. */
class Code {
  readonly text: string;

  constructor(lines: readonly string[]) {
    this.text = withoutComments(lines.join('\n'));
  }

  fault(code: string, message: string, at: number, hint?: string) {
    const before = this.text.slice(0, at).split('\n');
    return textFault(code, message, { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }, hint);
  }
}

function withoutComments(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let start = commentFrom(text, 0); start >= 0; start = commentFrom(text, at)) {
    const end = text[start + 1] === '/' ? lineEnd(text, start) : blockEnd(text, start);
    parts.push(text.slice(at, start), text.slice(start, end).replace(/[^\n]/g, ' '));
    at = end;
  }
  return parts.join('') + text.slice(at);
}

function commentFrom(text: string, at: number): number {
  const pattern = /\/[/*]/g;
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? -1;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/**
 * The offset after a block comment: after its first end mark, or after an end mark at the end of the line when no other
 * comment begins before it. Wireshark prints the bytes as characters in a comment, and these may contain an end mark.
 */
function blockEnd(text: string, start: number): number {
  const first = text.indexOf('*/', start + 2);
  if (first < 0) return text.length;
  const [rest = ''] = text.slice(first + 2, first + 2 + MAX_COMMENT_REST).split('\n', 1);
  const more = rest.trimEnd();
  return more.endsWith('*/') && !more.includes('/*') ? first + 2 + more.length : first + 2;
}

/** Characters that are searched for another end mark. Wireshark prints at most 16 bytes per comment. */
const MAX_COMMENT_REST = 64;

/** The values inside all brackets. The text around the brackets is a declaration and is ignored. */
function arrays(code: Code, brackets: RegExp): Buffer {
  const parts: Buffer[] = [];
  for (const { 1: inside = '', index } of code.text.matchAll(brackets))
    parts.push(values(code, index + 1, index + 1 + inside.length, true));
  return Buffer.concat(parts);
}

function values(code: Code, start: number, end: number, inArray: boolean): Buffer {
  const bytes: number[] = [];
  // Java and C# cast values that do not fit into a signed byte.
  const part = code.text.slice(start, end).replace(/\(\s*[a-z_][\w ]*\)/gi, (cast) => ' '.repeat(cast.length));
  for (const { 0: word, index } of part.matchAll(/[^\s,;]+/g)) {
    const at = start + index;
    const value = /^0x([0-9a-f]+)u?$/i.exec(word)?.[1] ?? (inArray ? /^[0-9]$/ : /^[0-9a-f]{2}$/i).exec(word)?.[0];
    if (value === undefined) {
      if (inArray && /^(?:[0-9]+|[0-9a-f]{2})$/i.test(word)) {
        const message = `${quoteText(word)} may be decimal or hexadecimal`;
        throw code.fault('HEX_AMBIGUOUS', message, at, 'write the values of an array with 0x');
      }
      throw code.fault('HEX_DIGIT', `${quoteText(word)} is not a hexadecimal value`, at);
    }
    if (value.length > 2) {
      const message = `${quoteText(word)} is more than one byte, and nobody knows in which order`;
      throw code.fault('HEX_WORDS', message, at, 'write each byte as a value of its own');
    }
    bytes.push(Number.parseInt(value, 16));
  }
  return Buffer.from(bytes);
}

/** The content of all string literals, or the whole text when it has no quotes. */
function strings(code: Code): Buffer {
  const { text } = code;
  const parts: Buffer[] = [];
  for (let open = quoteFrom(text, 0); open >= 0; ) {
    let close = open + 1;
    while (close < text.length && text[close] !== text[open] && text[close] !== '\n')
      close += text[close] === '\\' ? 2 : 1;
    if (text[close] !== text[open]) throw code.fault('HEX_DIGIT', 'the string that begins here does not end', open);
    parts.push(
      Buffer.from(escapes(code, open + 1, close, /(?:^|\W)b$/i.test(text.slice(Math.max(0, open - 2), open)))),
    );
    open = quoteFrom(text, close + 1);
  }
  return parts.length === 0 ? Buffer.from(escapes(code, 0, text.length, false)) : Buffer.concat(parts);
}

function quoteFrom(text: string, at: number): number {
  const pattern = /["']/g;
  pattern.lastIndex = at;
  return pattern.exec(text)?.index ?? -1;
}

/** The single-character escapes that Python prints. */
const SHORT: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, '\\': 92, "'": 39, '"': 34 };

/** The bytes of a string. With `mixed`, printable characters are bytes too, as in Python's `bytes` literals. */
function escapes(code: Code, start: number, end: number, mixed: boolean): number[] {
  const bytes: number[] = [];
  const pattern = /\\x([0-9a-f]{2})|\\([nrt'"\\])|([ -[\]-~])|([\s\S])/giy;
  pattern.lastIndex = start;
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex;
    const [seen = '', hex, short, plain] = pattern.exec(code.text) ?? [];
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (mixed && short !== undefined) bytes.push(SHORT[short] ?? 0);
    else if (mixed && plain !== undefined) bytes.push(plain.charCodeAt(0));
    else if (!/^[\s,]$/.test(seen) && !/^\\[ \t]*(?:\n|$)/.test(code.text.slice(at, end))) {
      const message = `${quoteText(code.text.slice(at, Math.min(at + 4, end)))} is not an escape like \\x0d`;
      throw code.fault('HEX_DIGIT', message, at);
    }
  }
  return bytes;
}
