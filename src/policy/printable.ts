/** Text from outside that will stand in a log line, a message or an identity. */

/** Long enough for any account name (`DOMAIN\user`, a mail address), short enough for one log line. */
export const USER_NAME_MAX = 256;
/** Characters of foreign text that a message repeats. */
const QUOTE_MAX = 64;
/** Characters of a custom authenticator's own words that reach the log. */
const REASON_MAX = 200;

// Control and format characters (bidirectional overrides, zero width), unassigned and private ones, line separators.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const UNPRINTABLES = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/** Whether `value` is text a log line can hold as it is: not empty, at most `max` characters, no space at either end. */
export function isPrintable(value: unknown, max: number): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= max &&
    value.trim() === value &&
    !UNPRINTABLE.test(value)
  );
}

/** `text` in double quotes, escaped and cut, for use inside a message. */
export function quote(text: string): string {
  const cut = text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX)}…` : text;
  return JSON.stringify(cut.replace(UNPRINTABLES, '?'));
}

/** One line of foreign words for the log: unprintable runs become a space, a secret that slipped in becomes `[token]`. */
export function toReason(words: string, secret: string): string {
  const hidden = secret === '' ? words : words.replaceAll(secret, '[token]');
  const line = hidden.replace(UNPRINTABLES, ' ').trim();
  return line.length > REASON_MAX ? `${line.slice(0, REASON_MAX)}…` : line;
}
