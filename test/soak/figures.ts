/** The figures of the soak. They are written to one file, which the launcher prints as a table at the end. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const FILE = '.test-results/soak-figures.json';
/** All samples as JSON lines, so that failed and unfinished runs can be analysed. */
export const SAMPLES_FILE = '.test-results/soak-samples.ndjson';

export type FigureRow = Readonly<Record<string, number | string>>;

interface Figures {
  readonly figures: Record<string, FigureRow>;
  /** The tests that were not run, with the reasons. */
  readonly notRun: Record<string, string>;
}

export function record(title: string, facts: FigureRow): void {
  change(({ figures }) => {
    figures[title] = { ...figures[title], ...facts };
  });
}

/** INVARIANT: a test that this machine does not permit is not registered, so it never counts as passed. */
export function recordNotRun(title: string, reason: string): void {
  change(({ notRun }) => {
    notRun[title] = reason;
  });
}

export function appendSample(sample: object): void {
  mkdirSync(dirname(SAMPLES_FILE), { recursive: true });
  appendFileSync(SAMPLES_FILE, `${JSON.stringify(sample)}\n`);
}

/** Rounds to one decimal; the figures are not more precise than that. */
export const round = (value: number): number => Math.round(value * 10) / 10;

export const MIB = 1024 * 1024;
export const mib = (bytes: number): number => round(bytes / MIB);

function change(edit: (figures: Figures) => void): void {
  const figures: Figures = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { figures: {}, notRun: {} };
  edit(figures);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(figures, null, 2)}\n`);
}
