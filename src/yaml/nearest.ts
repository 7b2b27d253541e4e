import { distance } from 'fastest-levenshtein';

/**
 * Returns the known word that is closest to a mistyped word, ignoring case, or `undefined` if none is close enough. Of equally
 * close words it is the first.
 *
 * @param maxDistance the largest accepted Levenshtein distance.
 */
export function nearest(
  word: string,
  known: readonly string[],
  // Less than its length: everything is as close to a word of two letters as that.
  maxDistance = Math.min(Math.max(2, Math.floor(word.length / 3)), word.length - 1),
): string | undefined {
  let best: { name: string; edits: number } | undefined;
  for (const name of known) {
    const edits = distance(word.toLowerCase(), name.toLowerCase());
    if (edits <= maxDistance && (best === undefined || edits < best.edits)) best = { name, edits };
  }
  return best?.name;
}
