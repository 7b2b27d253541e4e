import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Fault } from '../fault.js';
import { assertTrusted } from '../files.js';
import { isPrintable, toReason } from './printable.js';
import type { Authenticator, AuthenticatorFactory } from './types.js';

/** Time limit of the import, and of the factory function, which may have to open a connection (to a database, for example). */
export const FACTORY_DEADLINE_MS = 30_000;
const NAME_MAX = 64;

/**
 * Loads a custom authenticator: imports the ES module at `path` (relative to `folder`) and calls its default export, an
 * `AuthenticatorFactory`, with `options`. Import and factory must each finish within 30 seconds. Later changes of the object
 * that the factory returns have no effect.
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
  const exported = await withDeadline(() => importModule(file)).catch((cause: unknown) => {
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
  const made = await withDeadline(async () => await awaited((factory as AuthenticatorFactory)(options))).catch(
    (cause: unknown) => {
      if (cause instanceof Unreadable) throw moduleFault(file, 'INVALID', cause.message, EXPORT_HINT, cause.cause);
      throw moduleFault(file, 'FAILED', `the default export failed: ${messageOf(cause)}`, 'check its options', cause);
    },
  );
  const authenticator = readAuthenticator(made);
  if (typeof authenticator !== 'string') return authenticator;
  throw moduleFault(file, 'INVALID', `the authenticator ${authenticator}`, EXPORT_HINT);
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

/** The result of the factory has a property that throws when it is read. */
class Unreadable extends Error {}

/** Returns the result of the factory. The test of a result for a promise reads `then`, which can throw, too. */
function awaited<T>(result: T): T {
  try {
    void (result as { readonly then?: unknown } | null | undefined)?.then;
    return result;
  } catch (cause) {
    throw new Unreadable(`the authenticator cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Returns the authenticator, or what is wrong with it. Each property is read once: it can be a getter, and what was checked must
 * be what is used.
 */
function readAuthenticator(made: unknown): Authenticator | string {
  if (typeof made !== 'object' || made === null) return 'is not an object';
  let properties: Readonly<Partial<Record<keyof Authenticator, unknown>>>;
  try {
    const { name, authenticate, authorize, close } = made as Record<string, unknown>;
    properties = { name, authenticate, authorize, close };
  } catch (cause) {
    return `cannot be read: ${messageOf(cause)}`;
  }
  const { name, authenticate, authorize, close } = properties;
  if (!isPrintable(name, NAME_MAX)) return `has no name (printable, up to ${NAME_MAX} characters)`;
  if (typeof authenticate !== 'function') return 'has no function authenticate';
  if (authorize !== undefined && typeof authorize !== 'function') return 'has an authorize that is not a function';
  if (close !== undefined && typeof close !== 'function') return 'has a close that is not a function';
  return {
    name,
    authenticate: (...request) => Reflect.apply(authenticate, made, request),
    ...(authorize !== undefined && { authorize: (...request) => Reflect.apply(authorize, made, request) }),
    ...(close !== undefined && { close: () => Reflect.apply(close, made, []) }),
  };
}

async function withDeadline<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const late = (): void => reject(new Error(`not ready after ${FACTORY_DEADLINE_MS / 1000} s`));
    timer = setTimeout(late, FACTORY_DEADLINE_MS);
  });
  try {
    return await Promise.race([work(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf(cause: unknown): string {
  try {
    return toReason(cause instanceof Error ? cause.message : 'it threw something that is not an error', '');
  } catch {
    // What was thrown can throw too, when it is read.
    return 'it threw something that cannot be read';
  }
}
