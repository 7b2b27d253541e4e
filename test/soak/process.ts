/** Resources of a process: values from /proc, and values that the process itself reports through the sampler. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendSample, MIB, round } from './figures.js';

/** A line of the sampler. */
export interface ProcessSample {
  readonly pid: number;
  readonly at: number;
  readonly note?: string;
  readonly heap: number;
  readonly external: number;
  readonly arrayBuffers: number;
  /** The numbers of sockets, timers and other resources that keep the process alive, by kind. */
  readonly handles: Readonly<Record<string, number>>;
}

/** The samples of one process so far. */
export function parseSamples(file: string, pid: number): ProcessSample[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line may be incomplete.
  const all = lines.slice(0, -1).map((line): ProcessSample => JSON.parse(line));
  return all.filter((line) => line.pid === pid);
}

export const handlesIn = ({ handles }: ProcessSample): number =>
  Object.values(handles).reduce((sum, one) => sum + one, 0);

/** The note of a sample after garbage collection. */
export const AFTER_GC = 'collected';

/** Requests a garbage collection and a sample after it. */
export function requestCollection(pid: number): void {
  process.kill(pid, 'SIGUSR2');
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

const PAGE = 4096;

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE;
}

function threads(pid: number): number {
  return Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** The monitored metrics. Memory is in MiB, the others are counts. */
const METRICS = ['rss', 'heap', 'buffers', 'files', 'handles', 'threads'] as const;
type Metric = (typeof METRICS)[number];

/** The values that the process itself reports, and the times of the reports in seconds of its own clock. */
interface Summary extends Readonly<Record<'heap' | 'buffers' | 'handles', number>> {
  readonly collectedAt: number;
  readonly reportedAt: number;
  readonly kinds: Readonly<Record<string, number>>;
}

/** `at` is in seconds. */
export type Sample = { readonly at: number } & Summary & Readonly<Record<Metric, number>>;

/**
 * Growth in the second half of a run that still counts as flat: `slack` for variation (sessions that have just opened,
 * memory that the allocator keeps) plus `perHour`.
 */
const GROWTH_LIMITS: Readonly<Record<Metric, { readonly slack: number; readonly perHour: number }>> = {
  rss: { slack: 48, perHour: 16 },
  heap: { slack: 12, perHour: 4 },
  buffers: { slack: 24, perHour: 4 },
  files: { slack: 40, perHour: 0 },
  handles: { slack: 60, perHour: 0 },
  threads: { slack: 2, perHour: 0 },
};

export interface Trend {
  readonly of: Metric;
  readonly first: number;
  readonly last: number;
  readonly most: number;
  /** The slope of a straight line through the second half. */
  readonly perHour: number;
  readonly isFlat: boolean;
}

/**
 * The latest values from samples of one process, or undefined before the first collection. Memory is from the last
 * sample after a garbage collection: between two collections it grows with the traffic, which would look like a leak in
 * a short run. Handles are from the last sample of all: their number changes within seconds, and a value that is used
 * for the minute until the next collection would look like a trend.
 */
export function summarize(lines: readonly ProcessSample[]): Summary | undefined {
  const collected = lines.findLast(({ note }) => note === AFTER_GC);
  const latest = lines.at(-1);
  if (collected === undefined || latest === undefined) return undefined;
  return {
    heap: collected.heap / MIB,
    buffers: collected.arrayBuffers / MIB,
    handles: handlesIn(latest),
    collectedAt: collected.at,
    reportedAt: latest.at,
    kinds: latest.handles,
  };
}

/** Allowed delay of a sample. */
const DELAY_LIMIT_S = 15;

/** @throws when the process stopped reporting before the last sample, because constant values would count as flat. */
export function expectComplete(samples: readonly Sample[], everyMs: number, collectMs: number): void {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error('there are no samples');
  const seconds = last.at - first.at;
  if (last.reportedAt - first.reportedAt < seconds - everyMs / 1000 - DELAY_LIMIT_S)
    throw new Error('the sampler stopped');
  if (last.collectedAt - first.collectedAt < seconds - collectMs / 1000 - DELAY_LIMIT_S)
    throw new Error('the collections stopped');
}

/** Samples a process until `stop` is called. Every sample is also appended to `SAMPLES_FILE`. */
export class ProcessMonitor {
  readonly #samples: Sample[] = [];
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #everyMs: number;
  readonly #collectMs: number;

  constructor(pid: number, samplesFile: string, everyMs: number, collectMs: number) {
    this.#everyMs = everyMs;
    this.#collectMs = collectMs;
    const start = performance.now();
    const sample = (): void => {
      const reported = summarize(parseSamples(samplesFile, pid));
      if (reported === undefined) return;
      const taken = {
        at: round((performance.now() - start) / 1000),
        rss: residentBytes(pid) / MIB,
        files: openFiles(pid),
        threads: threads(pid),
        ...reported,
      };
      this.#samples.push(taken);
      appendSample(taken);
    };
    requestCollection(pid);
    this.#timers = [setInterval(sample, everyMs), setInterval(requestCollection, collectMs, pid)];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** @throws when there are too few samples */
  trends(): Trend[] {
    expectComplete(this.#samples, this.#everyMs, this.#collectMs);
    return METRICS.map((of) => trend(of, this.#samples));
  }
}

export function trend(of: Metric, samples: readonly Sample[]): Trend {
  const half = samples.slice(Math.floor(samples.length / 2));
  if (half.length < 2) throw new Error('too few samples for a trend');
  const perSecond = slope(half.map((sample) => [sample.at, sample[of]]));
  const hours = ((half.at(-1)?.at ?? 0) - (half[0]?.at ?? 0)) / 3600;
  const { slack, perHour } = GROWTH_LIMITS[of];
  return {
    of,
    first: round(samples[0]?.[of] ?? Number.NaN),
    last: round(samples.at(-1)?.[of] ?? Number.NaN),
    most: round(Math.max(...samples.map((sample) => sample[of]))),
    perHour: round(perSecond * 3600),
    // NaN does not count as flat.
    isFlat: perSecond * 3600 * hours <= slack + perHour * hours,
  };
}

/** The slope of the least-squares line, 0 if it is undefined. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const over = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const under = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
