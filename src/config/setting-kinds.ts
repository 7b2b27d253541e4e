/** The kinds of rows that the schema of the configuration has. */
import { z } from 'zod';
import { Fault } from '../fault.js';

/** What a row of the schema tells besides its shape; `settings.ts` turns it into tables. */
export interface SettingMeta {
  /** `s`, `bytes`, or nothing for a plain count or text. */
  readonly unit?: string;
  /** What it is for and why the default is what it is. One sentence, Markdown. */
  readonly reason: string;
  /** The value names a file: relative to the configuration file, or to the working directory elsewhere. */
  readonly isPath?: boolean;
  /** A running gateway keeps the value it started with; every other setting changes with a reload. */
  readonly needsRestart?: boolean;
}

const KEYS_MAX = 32;

export function row(reason: string, more: Omit<SettingMeta, 'reason'> = {}): SettingMeta & Record<string, unknown> {
  return { reason, ...more };
}

export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never);
}

export function path(reason: string, more: Omit<SettingMeta, 'reason'> = {}) {
  return z
    .string()
    .min(1)
    .optional()
    .meta(row(reason, { isPath: true, ...more }));
}

export function paths(reason: string) {
  return z
    .array(z.string().min(1))
    .max(KEYS_MAX)
    .default([])
    .meta(row(reason, { isPath: true }));
}

export function toggle(reason: string) {
  return z.boolean().default(true).meta(row(reason));
}

export function count(standard: number, min: number, max: number, reason: string, unit?: string) {
  return z
    .int()
    .min(min)
    .max(max)
    .default(standard)
    .meta(row(reason, unit === undefined ? {} : { unit }));
}

export function seconds(
  standard: number,
  min: number,
  max: number,
  reason: string,
  more: Omit<SettingMeta, 'reason'> = {},
) {
  return z
    .number()
    .min(min)
    .max(max)
    .default(standard)
    .meta(row(reason, { unit: 's', ...more }));
}

export function fail(context: z.core.$RefinementCtx, message: string): never {
  context.issues.push({ code: 'custom', message, input: context.value });
  return z.NEVER;
}

export function fromFault<T>(context: z.core.$RefinementCtx, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return fail(context, cause.hint === undefined ? cause.message : `${cause.message}; ${cause.hint}`);
  }
}
