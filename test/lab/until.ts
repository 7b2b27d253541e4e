/**
 * Polls until `probe` returns a result.
 * @param what a description for the error, for example "Xvfb to be ready"
 * @param limitMs the limit after which the wait fails
 * @param probe returns `undefined` or `false` while there is no result; an error ends the wait at once
 * @returns the first result
 */
export async function until<T>(
  what: string,
  limitMs: number,
  probe: () => T | Promise<T>,
  pauseMs = 50,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const result = await probe();
    if (result !== undefined && result !== false) return result as Exclude<T, undefined | false>;
    if (performance.now() >= end) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
