/** What the soak found, for people: kept in one file that the launcher prints as a table at the end. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const FILE = '.test-results/soak-figures.json';

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
