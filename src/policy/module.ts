import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Fault } from '../fault.js';
import { assertTrusted } from '../files.js';
import { isPrintable, toReason } from './printable.js';
import type { Authenticator, AuthenticatorFactory } from './types.js';

/** Time limit of the factory function, which may have to open a connection (to a database, for example). */
export const FACTORY_DEADLINE_MS = 30_000;
const NAME_MAX = 64;

/**
 * Loads a custom authenticator: imports the ES module at `path` (relative to `folder`) and calls its default export, an
 * `AuthenticatorFactory`, with `options`. The factory must finish within 30 seconds.
 *
 * @throws {Fault} of kind `configuration`, with the path of the module: `AUTH_MODULE_MISSING` (no such file),
 * `AUTH_MODULE_FAILED` (the module does not load, or its default export fails) or `AUTH_MODULE_INVALID` (the default export
 * or its result has the wrong shape).
 */
export async function loadAuthenticator(
  path: string,
  options: Readonly<Record<string, unknown>> = {},
  folder = '.',
): Promise<Authenticator> {
  const file = await findModule(path, folder);
  const exported = await importModule(file).catch((cause: unknown) => {
    throw moduleFault(
      file,
      'FAILED',
      `the module does not load: ${messageOf(cause)}`,
      'run it alone to find the error: node FILE',
      cause,
    );
  });
  const factory = exported.default;
  if (typeof factory !== 'function') {
    throw moduleFault(file, 'INVALID', 'the module has no function as its default export', EXPORT_HINT);
  }
  const authenticator = await withDeadline(FACTORY_DEADLINE_MS, async () =>
    (factory as AuthenticatorFactory)(options),
  ).catch((cause: unknown) => {
    throw moduleFault(file, 'FAILED', `the default export failed: ${messageOf(cause)}`, 'check its options', cause);
  });
  const problem = shapeProblem(authenticator);
  if (problem !== undefined) throw moduleFault(file, 'INVALID', `the authenticator ${problem}`, EXPORT_HINT);
  return authenticator;
}

/**
 * Returns the absolute path of the module without loading it. Throws a `Fault`: `AUTH_MODULE_MISSING` if it is not a file, and those
 * of `assertTrusted`.
 */
export async function findModule(path: string, folder = '.'): Promise<string> {
  const file = resolve(folder, path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) {
    assertTrusted(found, file, 'the module of auth.module');
    return file;
  }
  throw moduleFault(
    file,
    'MISSING',
    'the module of auth.module is not a file',
    'set auth.module.path to a JavaScript file',
  );
}

const EXPORT_HINT = 'export default (options) => ({ name, authenticate(request, signal) { … } })';

async function importModule(file: string): Promise<{ default?: unknown }> {
  return (await import(pathToFileURL(file).href)) as { default?: unknown };
}

function moduleFault(place: string, reason: string, message: string, hint: string, cause?: unknown): Fault {
  return new Fault({ kind: 'configuration', code: `AUTH_MODULE_${reason}`, message, place, hint, cause });
}

function shapeProblem(authenticator: unknown): string | undefined {
  if (typeof authenticator !== 'object' || authenticator === null) return 'is not an object';
  const { name, authenticate, authorize, close } = authenticator as Record<string, unknown>;
  if (!isPrintable(name, NAME_MAX)) return `has no name (printable, up to ${NAME_MAX} characters)`;
  if (typeof authenticate !== 'function') return 'has no function authenticate';
  if (authorize !== undefined && typeof authorize !== 'function') return 'has an authorize that is not a function';
  if (close !== undefined && typeof close !== 'function') return 'has a close that is not a function';
  return undefined;
}

async function withDeadline<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not ready after ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(cause: unknown): string {
  return toReason(cause instanceof Error ? cause.message : 'it threw something that is not an error', '');
}
