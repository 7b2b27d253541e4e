/**
 * Characters that show nothing, change the direction of text, break a line or control a terminal (control, format,
 * private and unassigned characters, halves of surrogate pairs, line separators, fillers); a combining mark without a
 * letter below it, which would be drawn over a quotation mark; and a mark on more than four others, which would be drawn
 * over other lines.
 */
const UNPRINTABLE =
  /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?<![\p{L}\p{N}\p{M}])\p{M}|(?<=\p{M}{4})\p{M}/gu;
const ASCII = /^[\x20-\x7e]*$/;

/** Escapes characters that are not safe to print, as in a JSON string: `\u202e`. The result is valid inside of one. */
export function escapeUnprintable(text: string): string {
  if (ASCII.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) =>
    character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}
