/** Builders for the rows of the configuration schema. */
import { z } from 'zod';
import { Fault } from '../fault.js';

/** The metadata of a row of the schema. `settings.ts` makes tables of it. */
export interface SettingMeta {
  /** `s`, `ms` or `bytes`. `undefined` for a plain number or text. */
  readonly unit?: string;
  /** The purpose of the setting and the reason for its default. One or more sentences in Markdown. */
  readonly reason: string;
  /**
   * Whether the value is a path. A relative path in the configuration file is resolved against the folder of that file, any other
   * against the working directory.
   */
  readonly isPath?: boolean;
  /** Whether a running gateway keeps the value it started with. All other settings change with a reload. */
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

export function count(defaultValue: number, min: number, max: number, reason: string, unit?: string) {
  return z
    .int()
    .min(min)
    .max(max)
    .default(defaultValue)
    .meta(row(reason, unit === undefined ? {} : { unit }));
}

export function seconds(
  defaultValue: number,
  min: number,
  max: number,
  reason: string,
  more: Omit<SettingMeta, 'reason'> = {},
) {
  return z
    .number()
    .min(min)
    .max(max)
    .default(defaultValue)
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
