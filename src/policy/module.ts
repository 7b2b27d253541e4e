import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Fault } from '../fault.js';
import { isPrintable, toReason } from './printable.js';
import type { Authenticator, AuthenticatorFactory } from './types.js';

/** For a factory that opens a connection before it is ready. */
export const FACTORY_DEADLINE_MS = 30_000;
const NAME_MAX = 64;

/**
 * Loads a custom authenticator: imports the ES module at `path` (relative to `folder`) and calls its default export with
 * `options`. Throws a `Fault` of kind `configuration` (`AUTH_MODULE_MISSING`, `AUTH_MODULE_FAILED`, `AUTH_MODULE_INVALID`)
 * that names the module.
 */
export async function loadAuthenticator(
  path: string,
  options: Readonly<Record<string, unknown>> = {},
  folder = '.',
): Promise<Authenticator> {
  const file = await findModule(path, folder);
  const exported = await importModule(file).catch((cause: unknown) => {
    throw wrong(file, 'FAILED', `the module does not load: ${wordsOf(cause)}`, 'try it alone: node FILE', cause);
  });
  const factory = exported.default;
  if (typeof factory !== 'function') {
    throw wrong(file, 'INVALID', 'the module has no function as its default export', EXPORT_HINT);
  }
  const made = await within(FACTORY_DEADLINE_MS, async () => (factory as AuthenticatorFactory)(options)).catch(
    (cause: unknown) => {
      throw wrong(file, 'FAILED', `the default export failed: ${wordsOf(cause)}`, 'check its options', cause);
    },
  );
  const problem = shapeProblem(made);
  if (problem !== undefined) throw wrong(file, 'INVALID', `the authenticator ${problem}`, EXPORT_HINT);
  return made;
}

/** The module's file, absolute. Nothing of it runs. Throws `AUTH_MODULE_MISSING`. */
export async function findModule(path: string, folder = '.'): Promise<string> {
  const file = resolve(folder, path);
  const isFile = await stat(file)
    .then((found) => found.isFile())
    .catch(() => false);
  if (isFile) return file;
  throw wrong(file, 'MISSING', 'the module of auth.module is not a file', 'name a JavaScript file, auth.mjs');
}

const EXPORT_HINT = 'export default (options) => ({ name, authenticate(request, signal) { … } })';

async function importModule(file: string): Promise<{ default?: unknown }> {
  return (await import(pathToFileURL(file).href)) as { default?: unknown };
}

function wrong(place: string, how: string, message: string, hint: string, cause?: unknown): Fault {
  return new Fault({ kind: 'configuration', code: `AUTH_MODULE_${how}`, message, place, hint, cause });
}

function shapeProblem(made: unknown): string | undefined {
  if (typeof made !== 'object' || made === null) return 'is not an object';
  const { name, authenticate, authorize, close } = made as Record<string, unknown>;
  if (!isPrintable(name, NAME_MAX)) return `has no name (printable, up to ${NAME_MAX} characters)`;
  if (typeof authenticate !== 'function') return 'has no function authenticate';
  if (authorize !== undefined && typeof authorize !== 'function') return 'has an authorize that is not a function';
  if (close !== undefined && typeof close !== 'function') return 'has a close that is not a function';
  return undefined;
}

async function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not ready after ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function wordsOf(cause: unknown): string {
  return toReason(cause instanceof Error ? cause.message : 'it threw something that is not an error', '');
}
