/**
 * Enforces the layers ("floors") of ARCHITECTURE.md: imports point down and have no cycles, floor 1 reads no clock and
 * no random numbers, only some modules use sockets and the environment, and files stay small.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Import, syntaxOf } from './house/syntax.js';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

interface Source {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** The files of floor 0 and what each of them may import. */
const FOUNDATIONS: Readonly<Record<string, readonly string[]>> = {
  'src/protocol/errors.ts': [],
  'src/protocol/cursor.ts': ['src/protocol/errors.ts'],
  'src/protocol/field-kinds.ts': ['src/protocol/cursor.ts', 'src/protocol/errors.ts'],
  'src/der/element.ts': [],
  'src/fault.ts': [],
};

const TOP = 4;
/** The modules ("rooms") of each floor. `files` is the file src/files.ts. Planned modules are listed too. */
const ROOMS: Readonly<Record<number, readonly string[]>> = {
  1: ['protocol', 'ntlm', 'spnego', 'kerberos'],
  2: ['policy', 'config', 'yaml', 'http', 'websocket', 'proxy', 'rdpfile', 'certs', 'explain', 'files'],
  3: ['gateway', 'client', 'capture', 'render', 'identity', 'admin', 'store'],
  [TOP]: ['cli', 'decode', 'serve'],
};

/**
 * The submodules of a module, from the top down: a file may import from its own submodule and from those listed after
 * it.
 */
const INNER_ROOMS: Readonly<Record<string, readonly string[]>> = {
  'src/gateway': [
    'gateway.ts',
    'cluster',
    'tunnel',
    'settings',
    'listener',
    'target',
    'admission',
    'transport',
    'http',
    'io',
    'report',
  ],
};

/** What floor 1 may import from node:crypto: pure functions. The protocol package imports nothing from Node. */
const PURE_CRYPTO = /^(?:createHash|createHmac|createCipheriv|createDecipheriv|timingSafeEqual|getHashes|getCiphers)$/;

/** Modules that open or accept connections. */
const SOCKETS =
  /^(?:node:)?(?:net|http|https|http2|tls|dgram|dns|dns\/promises|child_process|worker_threads|cluster|inspector)$|^ws$/;
/** Globals that do the same. */
const NETWORK = /^(?:fetch|WebSocket|EventSource)$/;
/** What node:net has that opens no socket. */
const PURE_NET = /^(?:isIP(?:v4|v6)?|BlockList)$/;
/**
 * The only modules that may read the environment: settings in `config`, conventions of the terminal (NO_COLOR) in
 * `cli`.
 */
const READS_ENVIRONMENT = /^src\/(?:config|cli)\//;

/** Loads the module that `auth.module` names. */
const LOADS_MODULES = 'src/policy/module.ts';

const MAX_LINES = 300;
const MAX_COMMAND_LINES = 70;
/** Files that may exceed the limit, with the reason. */
const LONG: Readonly<Record<string, string>> = {
  'src/protocol/session.ts': 'one state machine: cut in two, neither half can be read alone',
};

interface Place {
  readonly floor: number;
  readonly room: string;
}

function placeOf(path: string): Place | undefined {
  const [top, first = ''] = path.split('/');
  if (top === 'commands') return { floor: TOP, room: 'commands' };
  const room = first.replace(/\.ts$/, '');
  if (path in FOUNDATIONS) return { floor: 0, room };
  const floor = Object.keys(ROOMS).find((number) => ROOMS[Number(number)]?.includes(room));
  if (floor !== undefined) return { floor: Number(floor), room };
  return undefined;
}

/** Every violation of the rules in the sources, one line each. */
function breaches(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const place = placeOf(source.path);
    if (!place) return [`${source.path}: the room has no floor`];
    if (innerRoomOf(source.path)?.level === -1) return [`${source.path}: the inner room has no place in the list`];
    const { imports, impure, loaders, readsEnvironment } = syntaxOf(source.path, source.text);
    return [
      ...imports.flatMap((one) => wrongImport(source.path, place, one) ?? []),
      ...(place.floor <= 1 ? impure.map((name) => `is not pure: ${name}`) : []),
      ...(place.floor === 2
        ? impure.filter((name) => NETWORK.test(name)).map((name) => `uses ${name} on floor 2`)
        : []),
      ...loaders.map((name) => `uses ${name}`),
      ...(readsEnvironment && !READS_ENVIRONMENT.test(source.path) ? ['reads process.env'] : []),
    ].map((what) => `${source.path}: ${what}`);
  });
}

function wrongImport(path: string, from: Place, { of, names }: Import): string | undefined {
  if (/^rdgw(?:\/|$)/.test(of ?? '')) return `imports ${of}, its own package`;
  if (of === undefined) return path === LOADS_MODULES ? undefined : 'imports a computed name';
  const allowed = FOUNDATIONS[path];
  if (allowed) return allowed.includes(of) ? undefined : `a foundation imports ${of}`;
  if (isProtocol(path)) return isProtocol(of) ? undefined : `the protocol imports ${of}`;
  if (from.floor === 1 && !of.startsWith('src/')) {
    const pure = of === 'node:crypto' && names.length > 0 && names.every((name) => PURE_CRYPTO.test(name));
    return pure ? undefined : `imports ${of} on floor 1`;
  }
  if (!of.startsWith('src/') && !of.startsWith('commands/')) {
    const harmless = /^(?:node:)?net$/.test(of) && names.length > 0 && names.every((name) => PURE_NET.test(name));
    return from.floor <= 2 && SOCKETS.test(of) && !harmless ? `imports ${of} on floor ${from.floor}` : undefined;
  }
  const to = placeOf(of);
  if (!to) return `imports ${of}, which has no floor`;
  if (to.floor > from.floor) return `imports ${of} upwards`;
  if (to.room === 'commands') return `imports ${of}: commands are for oclif alone`;
  const sideways = to.floor === from.floor && to.room !== from.room && from.floor !== TOP && from.floor !== 2;
  if (sideways) return `imports ${of} sideways`;
  const inner = [innerRoomOf(path), innerRoomOf(of)] as const;
  return inner[0] && inner[1] && inner[0].parent === inner[1].parent && inner[1].level < inner[0].level
    ? `imports ${of} upwards within ${inner[0].parent}`
    : undefined;
}

/**
 * The level of a file's submodule within its module: 0 is the topmost, -1 is not listed. Undefined without submodules.
 */
function innerRoomOf(path: string): { readonly parent: string; readonly level: number } | undefined {
  const parent = Object.keys(INNER_ROOMS).find((room) => path.startsWith(`${room}/`));
  if (parent === undefined) return undefined;
  const inner = path.slice(parent.length + 1).split('/')[0] ?? '';
  return { parent, level: INNER_ROOMS[parent]?.indexOf(inner) ?? -1 };
}

/** Groups of files that import each other, directly or indirectly, one line per group. */
function circles(sources: readonly Source[]): string[] {
  const imports = new Map(
    sources.map(({ path, text }) => [path, syntaxOf(path, text).imports.flatMap(({ of }) => of ?? [])] as const),
  );
  const reach = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(imports.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(imports.get(next) ?? []));
    }
    return seen;
  };
  const reached = new Map(sources.map(({ path }) => [path, reach(path)] as const));
  const groups = sources
    .map(({ path }) => path)
    .filter((path) => reached.get(path)?.has(path))
    .map((path) =>
      sources
        .map((other) => other.path)
        .filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path))
        .sort()
        .join(' '),
    );
  return [...new Set(groups)];
}

function isProtocol(path: string): boolean {
  return path.startsWith('src/protocol/');
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(`${ROOT}/${folder}`, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => {
      const full = `${entry.parentPath}/${entry.name}`;
      return { path: relative(ROOT, full).split(sep).join('/'), text: readFileSync(full, 'utf8') };
    });
}

const SOURCES = [...sourcesIn('src'), ...sourcesIn('commands')];

describe('the layers', () => {
  it('has no import upwards or sideways, and no misplaced use of sockets or the environment', () => {
    expect(breaches(SOURCES)).toEqual([]);
  });

  it('has no import cycles', () => {
    expect(circles(SOURCES)).toEqual([]);
  });

  it('lists only submodules that exist', () => {
    const missing = Object.entries(INNER_ROOMS).flatMap(([parent, rooms]) =>
      rooms
        .map((room) => `${parent}/${room}`)
        .filter((room) => !SOURCES.some(({ path }) => path === room || path.startsWith(`${room}/`))),
    );
    expect(missing).toEqual([]);
  });

  it('has no import of a missing file', () => {
    const paths = new Set(SOURCES.map(({ path }) => path));
    const missing = SOURCES.flatMap(({ path, text }) =>
      syntaxOf(path, text)
        .imports.flatMap(({ of }) => of ?? [])
        .filter((of) => /^(?:src|commands)\//.test(of) && !paths.has(of))
        .map((of) => `${path}: ${of}`),
    );
    expect(missing).toEqual([]);
  });

  it('finds the sources and their imports', () => {
    const session = SOURCES.find(({ path }) => path === 'src/protocol/session.ts') as Source;
    expect(syntaxOf(session.path, session.text).imports.map(({ of }) => of)).toContain('src/protocol/framer.ts');
    expect(SOURCES.filter(({ path }) => path.startsWith('src/')).length).toBeGreaterThan(30);
  });

  it('has no source that these rules do not read', () => {
    const files = ['src', 'commands'].flatMap((folder) =>
      readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' }),
    );
    expect(files.filter((name) => /\.\w+$/.test(name) && !name.endsWith('.ts'))).toEqual([]);
  });
});

/** Each reaches a clock, random numbers, the network or the process in a spelling of its own. */
const PURITY_EVASIONS = [
  'const { now } = Date;',
  'const { random } = Math;',
  'const roll = Math.random;',
  'const text = Date();',
  "const at = Date['now']();",
  'const at = Date?.now();',
  'const D = Date; const d = new D();',
  'const d = new Date(undefined);',
  'const d = Reflect.construct(Date, []);',
  'const at = performance.timeOrigin;',
  'const text = Intl.DateTimeFormat().format();',
  'void fetch(url);',
  'const { env } = process;',
  'const later = queueMicrotask;',
].map((text) => [`floor 1: ${text}`, 'src/ntlm/a.ts', text, 'not pure'] as const);

describe('the check itself', () => {
  const cases: readonly (readonly [string, string, string, string | undefined])[] = [
    ['upwards', 'src/policy/guard.ts', "import { Gateway } from '../gateway/gateway.js';", 'upwards'],
    ['upwards, for a type', 'src/certs/issue.ts', "import type { Log } from '../gateway/report/log.js';", 'upwards'],
    ['upwards, over several lines', 'src/policy/a.ts', "import {\n  a,\n  b,\n} from '../gateway/b.js';", 'upwards'],
    ['upwards, in a re-export', 'src/policy/index.ts', "export * from '../gateway/gateway.js';", 'upwards'],
    ['upwards, in a dynamic import', 'src/policy/a.ts', "await import('../gateway/gateway.js')", 'upwards'],
    ['upwards, for a side effect', 'src/policy/a.ts', "import '../cli/index.js';", 'upwards'],
    ['to the top', 'src/gateway/gateway.ts', "import { serve } from '../serve/serve.js';", 'upwards'],
    ['to a command', 'src/serve/run.ts', "import Serve from '../../commands/serve.js';", 'for oclif alone'],
    ['sideways', 'src/render/tree.ts', "import { read } from '../capture/file/classic.js';", 'sideways'],
    ['from floor 0 to floor 1', 'src/protocol/field-kinds.ts', "import { PKT_TYPE } from './codes.js';", 'foundation'],
    [
      'from the protocol to a fault',
      'src/protocol/framer.ts',
      "import { Fault } from '../fault.js';",
      'protocol imports',
    ],
    [
      'from the protocol to Node',
      'src/protocol/framer.ts',
      "import { Buffer } from 'node:buffer';",
      'protocol imports',
    ],
    ['from the protocol to a package', 'src/protocol/codes.ts', "import chalk from 'chalk';", 'protocol imports'],
    ['a socket on floor 2', 'src/policy/target.ts', "import { connect, isIP } from 'node:net';", 'on floor 2'],
    ['a DNS lookup on floor 2', 'src/policy/target.ts', "import { lookup } from 'node:dns/promises';", 'on floor 2'],
    ['a package with sockets on floor 2', 'src/config/file.ts', "import { WebSocket } from 'ws';", 'on floor 2'],
    ['the environment', 'src/gateway/report/log.ts', 'const level = process.env.LEVEL;', 'process.env'],
    ['a clock in the protocol', 'src/protocol/session.ts', 'const now = Date.now();', 'not pure'],
    ['a clock on floor 1', 'src/ntlm/summary.ts', 'const now = new Date();', 'not pure'],
    ['random numbers on floor 1', 'src/ntlm/a.ts', 'const nonce = globalThis.crypto.getRandomValues(a);', 'not pure'],
    ...PURITY_EVASIONS,
    ['random numbers by import', 'src/ntlm/a.ts', "import { randomBytes } from 'node:crypto';", 'on floor 1'],
    ['all of crypto', 'src/ntlm/a.ts', "import crypto, { createHash } from 'node:crypto';", 'on floor 1'],
    ['a socket beside an address', 'src/certs/a.ts', "import net, { isIP } from 'node:net';", 'on floor 2'],
    ['upwards, by a template', 'src/policy/a.ts', 'await import(`../gateway/gateway.js`);', 'upwards'],
    ['upwards, for a type in place', 'src/policy/a.ts', "let a: import('../gateway/gateway.js').Gateway;", 'upwards'],
    ['a computed import', 'src/policy/a.ts', 'await import(name);', 'computed'],
    [
      'an import behind a string',
      'src/policy/a.ts',
      "const a = '/*'; import '../cli/index.js'; const b = '*/';",
      'upwards',
    ],
    ['the environment, taken apart', 'src/gateway/report/a.ts', 'const { env } = process;', 'process.env'],
    ['a socket by a global', 'src/policy/a.ts', 'await fetch(url);', 'on floor 2'],
    ['a process below', 'src/policy/a.ts', "import { execFile } from 'node:child_process';", 'on floor 2'],
    ['its own package', 'src/policy/a.ts', "export { ALLOW } from 'rdgw/policy';", 'its own package'],
    ['a module past the imports', 'src/gateway/io/a.ts', "process.getBuiltinModule('node:net');", 'getBuiltinModule'],
    ['the environment of an alias', 'src/gateway/io/a.ts', 'const P = process; P.env;', 'process.env'],
    ['the environment, passed on', 'src/gateway/io/a.ts', "export { env } from 'node:process';", 'process.env'],
    ['the environment, later', 'src/gateway/io/a.ts', "await import('process');", 'process.env'],
    ['a file beside the rooms', 'src/loose.ts', '', 'no floor'],
    ['the environment, imported', 'src/gateway/report/a.ts', "import { env } from 'node:process';", 'process.env'],
    ['files on floor 1', 'src/kerberos/a.ts', "import { readFileSync } from 'node:fs';", 'on floor 1'],
    [
      'upwards inside the gateway',
      'src/gateway/io/listen.ts',
      "import { dial } from '../target/dial.js';",
      'upwards within src/gateway',
    ],
    ['a submodule that is not listed', 'src/gateway/other/file.ts', '', 'no place in the list'],
    ['a module that is not listed', 'src/other/file.ts', '', 'no floor'],
    ['nothing: downwards', 'src/gateway/tunnel/tunnel.ts', "import { admit } from '../../policy/admit.js';", undefined],
    ['nothing: on floor 2', 'src/config/schema.ts', "import { rules } from '../policy/rules.js';", undefined],
    ['nothing: an address is no socket', 'src/certs/names.ts', "import { isIP } from 'node:net';", undefined],
    ['nothing: sockets above', 'src/gateway/target/relay.ts', "import { connect } from 'node:net';", undefined],
    ['nothing: a comment', 'src/policy/a.ts', "// import { x } from '../gateway/x.js';", undefined],
    ['nothing: a hash on floor 1', 'src/ntlm/a.ts', "import { createHmac } from 'node:crypto';", undefined],
    ['nothing for other mathematics', 'src/ntlm/a.ts', 'const most = Math.max(1, 2);', undefined],
    ['nothing for a property of such a name', 'src/ntlm/a.ts', 'const a = { process: 1 }.process;', undefined],
    ['nothing: a date from an argument', 'src/ntlm/a.ts', 'const text = new Date(ms).toISOString();', undefined],
    [
      'nothing: down inside the gateway',
      'src/gateway/cluster/forward.ts',
      "import { endSocket } from '../io/sockets.js';",
      undefined,
    ],
    ['nothing: the environment in config', 'src/config/load.ts', 'const env = process.env;', undefined],
  ];

  it.each(cases)('reports %s', (_, path, text, reported) => {
    const found = breaches([{ path, text }]);
    if (reported === undefined) expect(found).toEqual([]);
    else expect(found.join('\n')).toContain(reported);
  });
});

describe('the check for import cycles', () => {
  const of = (path: string, ...imports: string[]): Source => ({
    path,
    text: imports.map((one) => `import type { T } from './${one}.js';`).join('\n'),
  });

  it('reports two files that import each other, for a type too, and a cycle of three', () => {
    expect(circles([of('src/a/a.ts', 'b'), of('src/a/b.ts', 'a')])).toEqual(['src/a/a.ts src/a/b.ts']);
    expect(
      circles([of('src/a/a.ts', 'b'), of('src/a/b.ts', 'c'), of('src/a/c.ts', 'a'), of('src/a/d.ts', 'a')]),
    ).toEqual(['src/a/a.ts src/a/b.ts src/a/c.ts']);
  });

  it('does not report files that only import the same third file', () => {
    expect(circles([of('src/a/a.ts', 'c'), of('src/a/b.ts', 'c', 'a'), of('src/a/c.ts')])).toEqual([]);
  });
});

describe('the size of files', () => {
  const lines = ({ text }: Source): number => text.split('\n').length - 1;

  it(`is at most ${MAX_LINES} lines, except for the files in LONG`, () => {
    const tooLong = SOURCES.filter((source) => lines(source) > MAX_LINES && !(source.path in LONG));
    expect(tooLong.map((source) => `${source.path}: ${lines(source)}`)).toEqual([]);
  });

  it('exceeds the limit for every file in LONG', () => {
    for (const path of Object.keys(LONG)) {
      const source = SOURCES.find((one) => one.path === path);
      expect(source && lines(source), path).toBeGreaterThan(MAX_LINES);
    }
  });

  it(`is at most ${MAX_COMMAND_LINES} lines for commands`, () => {
    const tooLong = SOURCES.filter(
      (source) => source.path.startsWith('commands/') && lines(source) > MAX_COMMAND_LINES,
    );
    expect(tooLong.map((source) => `${source.path}: ${lines(source)}`)).toEqual([]);
  });
});
