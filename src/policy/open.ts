import { basename } from 'node:path';
import { Fault } from '../fault.js';
import { anyAuthenticator, signedAuthenticator, staticAuthenticator } from './builtin.js';
import { type PolicyFile, readPolicyFile } from './files.js';
import { createGuard, type Guard } from './guard.js';
import { findModule, loadAuthenticator } from './module.js';
import { parseTokenList } from './static.js';
import { createSignedVerifier, type SignedVerifier } from './token.js';
import type { Authenticator } from './types.js';

/** The part of the configuration that says who may come; paths are absolute. */
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
    /** A custom authenticator; it takes the place of the built-in modes. */
    readonly module?:
      | { readonly path: string; readonly options?: Readonly<Record<string, unknown>> | undefined }
      | undefined;
  };
  /** Allow rules; here only whether there are any. */
  readonly targets: { readonly allow: readonly string[] };
  /** `decision` in seconds. */
  readonly timeouts: { readonly decision: number };
}

export interface OpenedGuard {
  readonly guard: Guard;
  /** What the operator should hear at the start, one sentence each. */
  readonly warnings: readonly string[];
}

/** The keys and lists that settings name, by path: plain data, so that several processes get all of it from one reader. */
export type GuardFiles = Readonly<Record<string, PolicyFile>>;

/** Reads what the settings name. Throws a `Fault` of kind `configuration` for a file that cannot be read. */
export async function readGuardFiles({ auth: { paa, module } }: GuardSettings): Promise<GuardFiles> {
  const wanted = module === undefined ? WANTED[paa.mode](paa) : [];
  const files = await Promise.all(wanted.map(([path, setting]) => readPolicyFile(path, setting)));
  return Object.fromEntries(files.map((file) => [file.path, file]));
}

type Paa = GuardSettings['auth']['paa'];
type Wanted = readonly (readonly [path: string, setting: string])[];

/** Which files each mode needs, with the setting that names them. */
const WANTED: Readonly<Record<Paa['mode'], (paa: Paa) => Wanted>> = {
  signed: ({ keys, jwks }) => [
    ...keys.map((path) => [path, 'auth.paa.keys'] as const),
    ...(jwks === undefined ? [] : [[jwks, 'auth.paa.jwks'] as const]),
  ],
  static: ({ tokensFile = '' }) => [[tokensFile, 'auth.paa.tokensFile']],
  any: () => [],
};

/** Reads what the settings name and makes the guard, like `makeGuard`. */
export async function openGuard(
  settings: GuardSettings,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): Promise<OpenedGuard> {
  return makeGuard(settings, await readGuardFiles(settings), localKey, audiences);
}

/**
 * Makes the guard of what was read.
 * @param localKey the gateway's own token key; `audiences` are the names the gateway answers to. Both are for mode `signed`.
 * Throws a `Fault` of kind `configuration` for a file, key, list or module that cannot be used.
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
  const own = (authenticator: Authenticator): Guard => createGuard({ authenticator, deadline, builtIn: true });
  switch (paa.mode) {
    case 'signed':
      return { guard: own(signedAuthenticator(makeVerifier(paa, files, localKey, audiences))), warnings: [] };
    case 'static':
      return makeStatic(fileOf(files, paa.tokensFile ?? ''), settings.targets.allow.length > 0, own);
    case 'any':
      return { guard: own(anyAuthenticator()), warnings: ['auth.paa.mode is any: every token is accepted'] };
  }
}

/** Stands for the local key that the first start makes. */
const ANY_KEY = new Uint8Array(32);

/**
 * Throws what `openGuard` would throw, and returns its warnings. INVARIANT: no code of a custom authenticator runs; only its
 * file has to be there.
 */
export async function checkGuard(
  settings: GuardSettings,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): Promise<readonly string[]> {
  const { module } = settings.auth;
  if (module === undefined) return (await openGuard(settings, localKey ?? ANY_KEY, audiences)).warnings;
  await findModule(module.path);
  return [];
}

function makeVerifier(
  { keys, jwks }: Paa,
  files: GuardFiles,
  localKey: Uint8Array | undefined,
  audiences: readonly string[],
): SignedVerifier {
  const publicKeys = keys.map((path) => ({ label: basename(path), pem: fileOf(files, path).text }));
  const set = jwks === undefined ? undefined : { label: basename(jwks), json: fileOf(files, jwks).text };
  return createSignedVerifier({ localKey, publicKeys, jwks: set, audiences });
}

function fileOf(files: GuardFiles, path: string): PolicyFile {
  const file = files[path];
  if (file === undefined) throw new Error(`${path} was not read`);
  return file;
}

function makeStatic(
  { path, text, mode }: PolicyFile,
  rules: boolean,
  own: (authenticator: Authenticator) => Guard,
): OpenedGuard {
  const entries = parseTokenList(text, path);
  const idle = rules ? [] : entries.filter((entry) => entry.targets === undefined);
  if (idle.length === entries.length) {
    throw new Fault({
      kind: 'configuration',
      code: 'POLICY_ADMITS_NOBODY',
      message: 'no token names a target and there are no allow rules',
      place: path,
      hint: 'add targets to the lines, or rules to targets.allow',
    });
  }
  const warnings = [
    ...((mode & 0o077) === 0 ? [] : [`${path} can be read by other users (chmod 600)`]),
    ...(idle.length === 0
      ? []
      : [`${path}: ${idle.length} of ${entries.length} tokens name no target, and there are no allow rules`]),
  ];
  return { guard: own(staticAuthenticator(entries)), warnings };
}
