/** Reads a YAML document and finds the location of each value in the file. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { isTree, type Tree } from './tree.js';

/**
 * Limit of the aliases in the text, and of what the library counts while it resolves them: nested aliases grow exponentially, and
 * the anchor itself counts too.
 */
const ALIASES_MAX = 100;
/** Maximum levels of mappings and lists. The settings have three levels; the options of an authenticator add some. */
const NESTING_MAX = 64;

const TOO_MANY_ALIASES = 'the file has too many aliases';

export interface YamlDocument {
  readonly values: Tree;
  /**
   * Returns the location of the value at a path, `rdgw.yaml:12:3`: of its key, or of the item of a list. If the path does not
   * exist, or passes through an alias, it is the location of the innermost part that does. Line and column count from 1.
   */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
}

/** A problem of the text, with its location. */
export class YamlProblem extends Error {
  /** `rdgw.yaml:12:3`, or only the name of the file for a problem of the whole file. */
  readonly place: string;

  constructor(message: string, place: string) {
    super(message);
    this.place = place;
  }
}

/**
 * Parses YAML 1.2, which includes JSON: one document whose root is a mapping or empty, without duplicate keys and unknown tags,
 * with less than 100 aliases and at most 64 levels.
 *
 * @param name the name of the file for messages.
 * @throws {YamlProblem} for anything else.
 */
export function readYaml(name: string, text: string): YamlDocument {
  const lines = new LineCounter();
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  // INVARIANT: the limits are checked before parsing. The composer recurses, and an exhausted stack can end the process without
  // an exception.
  const exceeded = exceededLimit(text);
  if (exceeded !== undefined) throw new YamlProblem(exceeded, name);
  const document = attempt(name, () => parseDocument(text, { lineCounter: lines, uniqueKeys: true }));
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new YamlProblem(messageOf(problem), placeAt(problem.pos[0]));
  const dangling = danglingAlias(document);
  if (dangling !== undefined) throw new YamlProblem('the alias has no anchor', placeAt(dangling));
  const values: unknown = attempt(name, () => document.toJS({ maxAliasCount: ALIASES_MAX })) ?? {};
  if (!isTree(values)) throw new YamlProblem('the top level is not a mapping of settings', placeAt(0));
  return { values, placeOf: (keys) => placeAt(offsetOf(document.contents, keys)) };
}

/** The library throws for what it finds late: too many aliases, and merge keys of the wrong kind. */
function attempt<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    const tooMany = cause instanceof ReferenceError && cause.message.startsWith('Excessive alias count');
    throw new YamlProblem(tooMany ? TOO_MANY_ALIASES : 'the file cannot be read as YAML', name);
  }
}

/**
 * The offset of the first alias without an anchor before it. INVARIANT: the message does not repeat the alias, because a misplaced
 * password may look like one.
 */
function danglingAlias(document: Document): number | undefined {
  const anchors = new Set<string>();
  let found: number | undefined;
  visit(document, {
    Value(_, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor);
    },
    Alias(_, { source, range }) {
      if (anchors.has(source)) return undefined;
      found = range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

/** The parts of a node of the concrete syntax tree that the limits need. */
interface Token {
  readonly type?: string;
  readonly items?: readonly Token[];
  readonly key?: Token | null;
  readonly value?: Token | string | null;
}

/** Checks the limits without recursion. Returns a message if the text exceeds one. */
function exceededLimit(text: string): string | undefined {
  let aliases = 0;
  const open: { token: Token; depth: number }[] = [];
  for (const document of new Parser().parse(text)) {
    open.push({ token: document as Token, depth: 0 });
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { items = [], key, value, type } = next.token;
      const depth = next.depth + (items.length > 0 ? 1 : 0);
      aliases += type === 'alias' ? 1 : 0;
      if (aliases > ALIASES_MAX) return TOO_MANY_ALIASES;
      if (depth > NESTING_MAX) return `the file is nested too deeply (at most ${NESTING_MAX} levels)`;
      for (const token of [key, value, ...items]) {
        if (typeof token === 'object' && token !== null) open.push({ token, depth });
      }
    }
  }
  return undefined;
}

/**
 * By the library's code. INVARIANT: the library's own messages are not used, because some repeat the text, which may be a misplaced
 * password.
 */
const MESSAGES: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_ALIAS: 'the alias is not valid',
  BAD_DIRECTIVE: 'the directive is not known',
  BAD_DQ_ESCAPE: 'the escape sequence in double quotes is not valid',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_SCALAR_START: 'a text must not begin with this character without quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a nested value must begin on a line of its own',
  BLOCK_IN_FLOW: 'a block must not stand inside brackets or braces',
  DUPLICATE_KEY: 'the key is a duplicate',
  KEY_OVER_1024_CHARS: 'the key is longer than 1024 characters',
  MISSING_CHAR: 'a character is missing: a quote, a bracket, a comma or a colon',
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line',
  MULTIPLE_DOCS: 'the file has more than one document',
  TAB_AS_INDENT: 'tabs must not be used for indentation',
  TAG_RESOLVE_FAILED: 'the tag is unknown',
  UNEXPECTED_TOKEN: 'this does not belong here',
};

function messageOf({ code }: YAMLError): string {
  return MESSAGES[code] ?? 'the syntax is wrong';
}

/** Returns the offset of the innermost existing node on the path `keys`: the key of a mapping, or the item of a list. */
function offsetOf(root: Node | null, keys: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined || !isNode(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    }
    if (isAlias(node)) break;
  }
  return offset;
}
