/** One YAML document from a file that people write, and where in the file each value stands. */
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  type YAMLError,
} from 'yaml';
import { isTree, type Tree } from './tree.js';

/** Aliases may spare somebody typing; a bomb of them multiplies. */
const ALIASES_MAX = 100;
/** Levels of sections and lists; the settings have three, and the options of an authenticator perhaps as many again. */
const NESTING_MAX = 64;

const TOO_MANY_ALIASES = 'the file has too many aliases';

export interface YamlDocument {
  readonly values: Tree;
  /** Where a value stands: `rdgw.yaml:12:3`. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
}

/** What is wrong with the text, in plain words, and where. */
export class YamlProblem extends Error {
  /** `rdgw.yaml:12:3`, or the name of the file alone. */
  readonly place: string;

  constructor(message: string, place: string) {
    super(message);
    this.place = place;
  }
}

/**
 * Reads YAML 1.2, and so JSON: one document whose root is a mapping, no duplicate keys, no tags, few aliases. `name` is the file as
 * messages call it. @throws YamlProblem
 */
export function readYaml(name: string, text: string): YamlDocument {
  const lines = new LineCounter();
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  // INVARIANT: measured first. The composer recurses, and an exhausted stack can end the process instead of throwing.
  const excess = excessOf(text);
  if (excess !== undefined) throw new YamlProblem(excess, name);
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new YamlProblem(messageOf(problem), placeAt(problem.pos[0]));
  const values: unknown = valuesOf(document, name) ?? {};
  if (!isTree(values)) throw new YamlProblem('the file is not a set of settings', placeAt(0));
  return { values, placeOf: (keys) => placeAt(offsetOf(document.contents, keys)) };
}

function valuesOf(document: ReturnType<typeof parseDocument>, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch {
    throw new YamlProblem(TOO_MANY_ALIASES, name);
  }
}

/** A node of the concrete syntax tree, as far as its size matters. */
interface Token {
  readonly type?: string;
  readonly items?: readonly Token[];
  readonly key?: Token | null;
  readonly value?: Token | string | null;
}

/** What makes the text unfit to be read, found without recursion. */
function excessOf(text: string): string | undefined {
  let aliases = 0;
  const open: { token: Token; depth: number }[] = [];
  for (const document of new Parser().parse(text)) {
    open.push({ token: document as Token, depth: 0 });
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { items = [], key, value, type } = next.token;
      const depth = next.depth + (items.length > 0 ? 1 : 0);
      aliases += type === 'alias' ? 1 : 0;
      if (aliases > ALIASES_MAX) return TOO_MANY_ALIASES;
      if (depth > NESTING_MAX) return 'the file is nested too deeply';
      for (const token of [key, value, ...items]) {
        if (typeof token === 'object' && token !== null) open.push({ token, depth });
      }
    }
  }
  return undefined;
}

function messageOf(problem: YAMLError): string {
  if (problem.code === 'DUPLICATE_KEY') return 'the key stands here a second time';
  const line = (problem.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
  return line.charAt(0).toLowerCase() + line.slice(1);
}

/** Start of the innermost thing on the way to `keys`: the key of a setting, or the item of a list. */
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
