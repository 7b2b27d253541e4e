/** Checks and escapes external text before it enters a log line, a message or an identity. */

/** In UTF-16 code units: long enough for any account name (`DOMAIN\user`, an e-mail address), short enough for one log line. */
export const USER_NAME_MAX = 256;
/** Maximum length of external text that a message repeats. */
const QUOTE_MAX = 64;
/** Maximum length of a reason from a custom authenticator in the log. */
const REASON_MAX = 200;

// Control and format characters (bidirectional overrides, zero width), unassigned and private-use characters, line separators.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const UNPRINTABLES = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/** Reports whether `value` is text that is safe in a log line: not empty, at most `max` characters, no white space at the ends. */
export function isPrintable(value: unknown, max: number): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= max &&
    value.trim() === value &&
    !UNPRINTABLE.test(value)
  );
}

/** Returns `text` in double quotes, escaped and truncated, for use inside a message. */
export function quote(text: string): string {
  const cut = text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX)}…` : text;
  return JSON.stringify(cut.replace(UNPRINTABLES, '?'));
}

/** Longest host name in UTF-16 code units that a log line repeats: the longest valid one has 253. */
const HOST_SHOWN_MAX = 255;

/** Returns a host name that a client sent, truncated for the log. A truncated one is followed by its length. */
export function shortenHost(host: string): string {
  if (host.length <= HOST_SHOWN_MAX) return host;
  // The cut must not leave half a surrogate pair.
  return `${host.slice(0, HOST_SHOWN_MAX).toWellFormed()}… (${host.length} characters)`;
}

/** Turns external text into one line for the log: a run of unprintable characters becomes a space, `secret` becomes `[token]`. */
export function toReason(text: string, secret: string): string {
  const hidden = secret === '' ? text : text.replaceAll(secret, '[token]');
  const line = hidden.replace(UNPRINTABLES, ' ').trim();
  return line.length > REASON_MAX ? `${line.slice(0, REASON_MAX)}…` : line;
}
