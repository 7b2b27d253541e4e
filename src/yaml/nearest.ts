import { distance } from 'fastest-levenshtein';

/** The known word closest to a mistyped one, or nothing when none is close: a wrong guess is worse than none. */
export function nearest(
  word: string,
  known: readonly string[],
  most = Math.max(2, Math.floor(word.length / 3)),
): string | undefined {
  let best: { name: string; steps: number } | undefined;
  for (const name of known) {
    const steps = distance(word.toLowerCase(), name.toLowerCase());
    if (steps <= most && (best === undefined || steps < best.steps)) best = { name, steps };
  }
  return best?.name;
}
