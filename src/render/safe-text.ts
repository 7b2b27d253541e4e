/** Makes text from untrusted sources safe for a terminal, and wraps text. */

/** `text` as a JSON string in which all control, format and separator characters are escaped. */
export function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    [...char].map((unit) => `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  );
}

/** The same without quotes, cut to at most `limit` characters. */
export function safeText(text: string, limit = Number.POSITIVE_INFINITY): string {
  const shown = asciiJson(text.slice(0, Math.max(limit, 0) + 1))
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll('\\\\', '\\');
  return shown.length > limit ? `${shown.slice(0, Math.max(limit - 1, 0))}…` : shown;
}

/** Wraps text at spaces into lines of at most `width` characters. A word longer than a line is not broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line.trimEnd());
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line.trimEnd()];
}
