import { basename } from 'node:path';
import { Fault } from '../fault.js';
import { anyAuthenticator, signedAuthenticator, staticAuthenticator } from './builtin.js';
import { type PolicyFile, readPolicyFile } from './files.js';
import type { BuiltInAuthenticator } from './grant.js';
import { createGuard, type Guard } from './guard.js';
import { findModule, loadAuthenticator } from './module.js';
import { parseTokenList } from './static.js';
import { createSignedVerifier, type SignedVerifier } from './token.js';

/** The part of the configuration that the guard is made from. Paths are absolute. */
export interface GuardSettings {
  readonly auth: {
    readonly paa: {
      readonly mode: 'signed' | 'static' | 'any';
      /** Public keys in PEM. */
      readonly keys: readonly string[];
      /** A JWK set. */
      readonly jwks?: string | undefined;
      /** A token list. */
      readonly tokensFile?: string | undefined;
    };
    /** A custom authenticator. It replaces the built-in modes. */
    readonly module?:
      | { readonly path: string; readonly options?: Readonly<Record<string, unknown>> | undefined }
      | undefined;
  };
  /** Allow rules. Used only to check whether there are any. */
  readonly targets: { readonly allow: readonly string[] };
  /** In seconds. */
  readonly timeouts: { readonly decision: number };
}

export interface OpenedGuard {
  readonly guard: Guard;
  /** Warnings for the operator at start, one sentence each. */
  readonly warnings: readonly string[];
}

/** The key files and token lists of the settings, by path. Plain data, so that one process can read it for several. */
export type GuardFiles = Readonly<Record<string, PolicyFile>>;

/** Reads the files of the settings. Throws a `Fault` of kind `configuration` for a file that cannot be read. */
export async function readGuardFiles({ auth: { paa, module } }: GuardSettings): Promise<GuardFiles> {
  const required = module === undefined ? REQUIRED_FILES[paa.mode](paa) : [];
  const files = await Promise.all(required.map(([path, setting]) => readPolicyFile(path, setting)));
  return Object.fromEntries(files.map((file) => [file.path, file]));
}

type Paa = GuardSettings['auth']['paa'];
type RequiredFiles = readonly (readonly [path: string, setting: string])[];

/** The files that each mode needs, with the setting that has the path. */
const REQUIRED_FILES: Readonly<Record<Paa['mode'], (paa: Paa) => RequiredFiles>> = {
  signed: ({ keys, jwks }) => [
    ...keys.map((path) => [path, 'auth.paa.keys'] as const),
    ...(jwks === undefined ? [] : [[jwks, 'auth.paa.jwks'] as const]),
  ],
  static: ({ tokensFile = '' }) => [[tokensFile, 'auth.paa.tokensFile']],
  any: () => [],
};

/** Reads the files of the settings and makes the guard. Throws like `readGuardFiles` and `makeGuard`. */
export async function openGuard(
  settings: GuardSettings,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): Promise<OpenedGuard> {
  return makeGuard(settings, await readGuardFiles(settings), localKey, audiences);
}

/**
 * Makes the guard.
 *
 * @param files the result of `readGuardFiles`.
 * @param localKey the gateway's own token key, for mode `signed`.
 * @param audiences the names of the gateway, for mode `signed`.
 * @throws {Fault} of kind `configuration` for a key, token list or module that cannot be used.
 */
export async function makeGuard(
  settings: GuardSettings,
  files: GuardFiles,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): Promise<OpenedGuard> {
  const { paa, module } = settings.auth;
  const deadline = settings.timeouts.decision * 1000;
  if (module !== undefined) {
    const authenticator = await loadAuthenticator(module.path, module.options);
    return { guard: createGuard({ authenticator, deadline }), warnings: [] };
  }
  const createBuiltIn = (authenticator: BuiltInAuthenticator): Guard =>
    createGuard({ authenticator, deadline, builtIn: true });
  switch (paa.mode) {
    case 'signed': {
      const warnings: string[] = [];
      const verifier = makeVerifier(paa, files, localKey, audiences, (warning) => warnings.push(warning));
      return { guard: createBuiltIn(signedAuthenticator(verifier)), warnings };
    }
    case 'static':
      return makeStatic(fileOf(files, paa.tokensFile ?? ''), settings.targets.allow.length > 0, createBuiltIn);
    case 'any':
      return { guard: createBuiltIn(anyAuthenticator()), warnings: ['auth.paa.mode is any: every token is accepted'] };
  }
}

/** Placeholder for the local key that the first start generates. */
const PLACEHOLDER_KEY = new Uint8Array(32);

/**
 * Checks what `openGuard` would use, returns its warnings and throws its errors. INVARIANT: no code of a custom authenticator
 * runs. Only the existence of its file is checked.
 */
export async function checkGuard(
  settings: GuardSettings,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): Promise<readonly string[]> {
  const { module } = settings.auth;
  if (module === undefined) return (await openGuard(settings, localKey ?? PLACEHOLDER_KEY, audiences)).warnings;
  await findModule(module.path);
  return [];
}

function makeVerifier(
  { keys, jwks }: Paa,
  files: GuardFiles,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
  warn: (warning: string) => void,
): SignedVerifier {
  const publicKeys = keys.map((path) => ({ label: basename(path), pem: fileOf(files, path).text }));
  const set = jwks === undefined ? undefined : { label: basename(jwks), json: fileOf(files, jwks).text };
  return createSignedVerifier({ localKey, publicKeys, jwks: set, audiences, warn });
}

function fileOf(files: GuardFiles, path: string): PolicyFile {
  const file = files[path];
  if (file === undefined) throw new Error(`${path} was not read`);
  return file;
}

function makeStatic(
  { path, text, mode }: PolicyFile,
  hasRules: boolean,
  createBuiltIn: (authenticator: BuiltInAuthenticator) => Guard,
): OpenedGuard {
  const entries = parseTokenList(text, path);
  const withoutTargets = hasRules ? [] : entries.filter((entry) => entry.targets === undefined);
  if (withoutTargets.length === entries.length) {
    throw new Fault({
      kind: 'configuration',
      code: 'POLICY_ADMITS_NOBODY',
      message: 'no token names a target and there are no allow rules',
      place: path,
      hint: 'add targets to the lines of the list, or rules to targets.allow',
    });
  }
  const warnings = [
    ...((mode & 0o077) === 0 ? [] : [`${path} can be read by other users (chmod 600)`]),
    ...(withoutTargets.length === 0
      ? []
      : [`${path}: ${withoutTargets.length} of ${entries.length} tokens name no target, and there are no allow rules`]),
  ];
  return { guard: createBuiltIn(staticAuthenticator(entries)), warnings };
}
