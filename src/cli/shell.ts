/**
 * Quotes `word`, if necessary, so that the shell of this system takes it as one word. Patterns are quoted too:
 * `[::1]:443` is one, and zsh fails on a pattern that matches nothing.
 */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return /^[\w.:\\/-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
