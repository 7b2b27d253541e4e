/**
 * Source coverage from the V8 profiler. The fuzzers on npm are not usable here: jazzer.js 4 has a binary that needs a
 * newer libc than Debian 12 has, jazzer.js 2 downloads its binary from another site, and jsfuzz does not support ES
 * modules.
 */
import { type Profiler, Session } from 'node:inspector';

/** Only source of the project counts, not tests and libraries. */
const PROJECT_SOURCE = /\/src\/[\w/-]+\.ts$/;

/**
 * For each script, whether each of its characters was executed. Blocks cannot be compared, because V8 merges blocks
 * with equal counts and so reports different ones each time.
 */
export type CoveredSource = ReadonlyMap<string, Uint8Array>;

export class Coverage {
  readonly #session = new Session();
  readonly #known = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Number of characters of source that were executed so far. */
  get size(): number {
    let size = 0;
    for (const covered of this.#known.values()) for (const character of covered) size += character;
    return size;
  }

  /** Returns the source executed since the last call. It takes about ten milliseconds. */
  take(): CoveredSource {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    // The callback runs before `post` returns, because the session is connected to its own thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      scripts = result;
    });
    return new Map(
      scripts.filter(({ url }) => PROJECT_SOURCE.test(url)).map((script) => [script.url, coveredCharacters(script)]),
    );
  }

  /** Reports whether `covered` contains source that was not executed before. */
  isNew(covered: CoveredSource): boolean {
    for (const [url, now] of covered) {
      const known = this.#known.get(url) ?? EMPTY;
      for (let at = 0; at < now.length; at++) if (now[at] === 1 && known[at] !== 1) return true;
    }
    return false;
  }

  add(covered: CoveredSource): void {
    for (const [url, now] of covered) {
      const known = this.#known.get(url) ?? EMPTY;
      const [longer, shorter] = now.length > known.length ? [now, known] : [known, now];
      for (let at = 0; at < shorter.length; at++) if (shorter[at] === 1) longer[at] = 1;
      this.#known.set(url, longer);
    }
  }

  stop(): void {
    this.#session.disconnect();
  }
}

const EMPTY = new Uint8Array(0);

/** Functions and ranges are ordered from the outermost to the innermost, so inner counts overwrite outer ones. */
function coveredCharacters({ functions }: Profiler.ScriptCoverage): Uint8Array {
  const ranges = functions.flatMap((one) => one.ranges);
  const covered = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)));
  for (const { startOffset, endOffset, count } of ranges) covered.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return covered;
}
