/**
 * Asks again and again until the answer is there.
 * @param what in words, for the error: "Xvfb to name its display"
 * @param limitMs after which the wait fails
 * @param probe `undefined` and `false` mean "not yet"; an error ends the wait at once
 * @returns the first answer
 */
export async function until<T>(
  what: string,
  limitMs: number,
  probe: () => T | Promise<T>,
  pauseMs = 50,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() >= end) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
