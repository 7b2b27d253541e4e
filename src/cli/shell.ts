/**
 * A word as the shell of this system takes it for one, whatever stands in it. Patterns count as odd too: `[::1]:443` is one,
 * and zsh refuses a pattern that matches nothing.
 */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return /^[\w.:\\/-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
