/** What a process holds on to: told by the kernel, and by the process itself through the sampler. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { keepSample, MIB, round } from './figures.js';

/** A line of the sampler. */
export interface Inside {
  readonly pid: number;
  readonly at: number;
  readonly note?: string;
  readonly heap: number;
  readonly external: number;
  readonly arrayBuffers: number;
  /** Sockets, timers and the like that keep the process alive, counted by kind. */
  readonly handles: Readonly<Record<string, number>>;
}

/** What one process has told so far. */
export function parseSamples(file: string, pid: number): Inside[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line may still be on its way.
  const all = lines.slice(0, -1).map((line): Inside => JSON.parse(line));
  return all.filter((line) => line.pid === pid);
}

export const handlesIn = ({ handles }: Inside): number => Object.values(handles).reduce((sum, one) => sum + one, 0);

/** What the sampler says of a line that was asked for. */
export const COLLECTED = 'collected';

/** Asks for a line of what is held without garbage. */
export function collect(pid: number): void {
  process.kill(pid, 'SIGUSR2');
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

const PAGE = 4096;

/** Bytes of memory. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

function threads(pid: number): number {
  return Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** What is watched: memory in MiB, everything else counted. */
const WATCHED = ['rss', 'heap', 'buffers', 'files', 'handles', 'threads'] as const;
type Watched = (typeof WATCHED)[number];

/** What only the process itself can tell, and when it did so: in seconds of its own clock. */
interface Told extends Readonly<Record<'heap' | 'buffers' | 'handles', number>> {
  readonly collectedAt: number;
  readonly toldAt: number;
  readonly kinds: Readonly<Record<string, number>>;
}

/** `at` in seconds. */
export type Sample = { readonly at: number } & Told & Readonly<Record<Watched, number>>;

/**
 * What may be gained in the second half and still be called flat: `slack` for what comes and goes (sessions that just opened, memory
 * that the allocator keeps), and on top of it `perHour`.
 */
const FLAT: Readonly<Record<Watched, { readonly slack: number; readonly perHour: number }>> = {
  rss: { slack: 48, perHour: 16 },
  heap: { slack: 12, perHour: 4 },
  buffers: { slack: 24, perHour: 4 },
  files: { slack: 40, perHour: 0 },
  handles: { slack: 60, perHour: 0 },
  threads: { slack: 2, perHour: 0 },
};

export interface Trend {
  readonly of: Watched;
  readonly first: number;
  readonly last: number;
  readonly most: number;
  /** Of a straight line through the second half. */
  readonly perHour: number;
  readonly isFlat: boolean;
}

/**
 * What is held after these lines of the sampler; undefined before the first collection. The heap is told without garbage: between two
 * collections it grows by as much as traffic makes of it, and a short run would take that for a leak. Handles are told by the latest line
 * of all: they come and go in seconds, and a count that stood for the whole minute to the next collection would make a trend of a moment.
 */
export function told(lines: readonly Inside[]): Told | undefined {
  const collected = lines.findLast(({ note }) => note === COLLECTED);
  const latest = lines.at(-1);
  if (collected === undefined || latest === undefined) return undefined;
  return {
    heap: collected.heap / MIB,
    buffers: collected.arrayBuffers / MIB,
    handles: handlesIn(latest),
    collectedAt: collected.at,
    toldAt: latest.at,
    kinds: latest.handles,
  };
}

/** What the process may be late with a line that is due. */
const LATE_S = 15;

/** @throws when the process had stopped telling before the last sample: what stands still passes for flat. */
export function expectTold(samples: readonly Sample[], everyMs: number, collectMs: number): void {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there are no samples');
  const seconds = last.at - first.at;
  if (last.toldAt - first.toldAt < seconds - everyMs / 1000 - LATE_S) throw new Error('the sampler fell silent');
  if (last.collectedAt - first.collectedAt < seconds - collectMs / 1000 - LATE_S)
    throw new Error('the collector fell silent');
}

/** Samples a process until it is stopped, and keeps every sample where people can look at it. */
export class ProcessWatch {
  readonly #samples: Sample[] = [];
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #everyMs: number;
  readonly #collectMs: number;

  constructor(pid: number, samplesFile: string, everyMs: number, collectMs: number) {
    this.#everyMs = everyMs;
    this.#collectMs = collectMs;
    const start = performance.now();
    const sample = (): void => {
      const inside = told(parseSamples(samplesFile, pid));
      if (inside === undefined) return;
      const taken = {
        at: round((performance.now() - start) / 1000),
        rss: residentBytes(pid) / MIB,
        files: openFiles(pid),
        threads: threads(pid),
        ...inside,
      };
      this.#samples.push(taken);
      keepSample(taken);
    };
    collect(pid);
    this.#timers = [setInterval(sample, everyMs), setInterval(collect, collectMs, pid)];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** @throws when there is too little to judge by */
  trends(): Trend[] {
    expectTold(this.#samples, this.#everyMs, this.#collectMs);
    return WATCHED.map((of) => trend(of, this.#samples));
  }
}

export function trend(of: Watched, samples: readonly Sample[]): Trend {
  const half = samples.slice(Math.floor(samples.length / 2));
  if (half.length < 2) throw new Error('too few samples for a trend');
  const perSecond = slope(half.map((sample) => [sample.at, sample[of]]));
  const hours = ((half.at(-1)?.at ?? 0) - (half[0]?.at ?? 0)) / 3600;
  const { slack, perHour } = FLAT[of];
  return {
    of,
    first: round(samples[0]?.[of] ?? Number.NaN),
    last: round(samples.at(-1)?.[of] ?? Number.NaN),
    most: round(Math.max(...samples.map((sample) => sample[of]))),
    perHour: round(perSecond * 3600),
    // What is no number is not flat either.
    isFlat: perSecond * 3600 * hours <= slack + perHour * hours,
  };
}

/** Least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const over = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const under = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
