/** What the soak found, for people: kept in one file that the launcher prints as a table at the end. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const FILE = '.test-results/soak-figures.json';
/** Beside them, what a trend was drawn through: one line of JSON each, so that a run that failed, or never ended, can be looked at. */
export const SAMPLES_FILE = '.test-results/soak-samples.ndjson';

export type Facts = Readonly<Record<string, number | string>>;

interface Figures {
  readonly figures: Record<string, Facts>;
  /** What this machine does not permit, and why. */
  readonly notRun: Record<string, string>;
}

export function record(title: string, facts: Facts): void {
  change(({ figures }) => {
    figures[title] = { ...figures[title], ...facts };
  });
}

/** INVARIANT: a test that this machine does not permit is not registered, hence never passed; it is told at the end. */
export function recordNotRun(title: string, reason: string): void {
  change(({ notRun }) => {
    notRun[title] = reason;
  });
}

export function keepSample(sample: object): void {
  mkdirSync(dirname(SAMPLES_FILE), { recursive: true });
  appendFileSync(SAMPLES_FILE, `${JSON.stringify(sample)}\n`);
}

/** One decimal is all that these figures are good for. */
export const round = (value: number): number => Math.round(value * 10) / 10;

export const MIB = 1024 * 1024;
export const mib = (bytes: number): number => round(bytes / MIB);

function change(edit: (figures: Figures) => void): void {
  const figures: Figures = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { figures: {}, notRun: {} };
  edit(figures);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(figures, null, 2)}\n`);
}
