/**
 * Which source ran, as V8 counts it for the inspector. The fuzzers that npm has do not serve here: jazzer.js 4 has a binary that
 * wants a newer libc than Debian 12 has, jazzer.js 2 fetches its own from elsewhere, and jsfuzz knows no ES modules.
 */
import { type Profiler, Session } from 'node:inspector';

/** Nothing is learnt from the blocks of a test or a library. */
const OURS = /\/src\/[\w/-]+\.ts$/;

/** By script, for each character whether it ran: V8 names blocks anew each time, joined where they ran equally often. */
export type Ran = ReadonlyMap<string, Uint8Array>;

export class Coverage {
  readonly #session = new Session();
  readonly #known = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** How many characters of source are known to run. */
  get size(): number {
    let size = 0;
    for (const ran of this.#known.values()) for (const one of ran) size += one;
    return size;
  }

  /** What ran since the last call. It costs some ten milliseconds. */
  take(): Ran {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    // The answer is there before `post` returns: the session is one with this very thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      scripts = result;
    });
    return new Map(scripts.filter(({ url }) => OURS.test(url)).map((script) => [script.url, painted(script)]));
  }

  isNew(ran: Ran): boolean {
    for (const [url, now] of ran) {
      const known = this.#known.get(url) ?? NOTHING;
      for (let at = 0; at < now.length; at++) if (now[at] === 1 && known[at] !== 1) return true;
    }
    return false;
  }

  learn(ran: Ran): void {
    for (const [url, now] of ran) {
      const known = this.#known.get(url) ?? NOTHING;
      const [longer, shorter] = now.length > known.length ? [now, known] : [known, now];
      for (let at = 0; at < shorter.length; at++) if (shorter[at] === 1) longer[at] = 1;
      this.#known.set(url, longer);
    }
  }

  stop(): void {
    this.#session.disconnect();
  }
}

const NOTHING = new Uint8Array(0);

/** Functions and ranges come outermost first, so the innermost has the last word. */
function painted({ functions }: Profiler.ScriptCoverage): Uint8Array {
  const ranges = functions.flatMap((one) => one.ranges);
  const ran = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)));
  for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  return ran;
}
