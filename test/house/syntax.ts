/** What the rules of the house need to know of a source file, taken from its syntax tree. */
import { posix } from 'node:path';
import ts from 'typescript';

export interface Import {
  /** For a relative import a path from the root of the repository, for others the specifier; undefined if it is computed. */
  readonly of: string | undefined;
  /** The imported names; empty for a default import, a namespace, a dynamic import or an import for its side effects. */
  readonly names: readonly string[];
}

export interface Syntax {
  readonly imports: readonly Import[];
  /** Globals with which a file opens connections or loads modules past its imports. */
  readonly loaders: readonly string[];
  /** Names through which a pure function must not reach: clocks, random numbers, timers, sockets, output, the process. */
  readonly impure: readonly string[];
  readonly readsEnvironment: boolean;
}

/** Globals that depend on something else than their arguments, or have an effect. */
const IMPURE_GLOBALS: ReadonlySet<string> = new Set([
  ...['performance', 'Intl', 'crypto', 'process', 'console', 'globalThis', 'global', 'eval', 'Function', 'Reflect'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestIdleCallback', 'Atomics'],
  ...['fetch', 'WebSocket', 'EventSource', 'MessageChannel', 'BroadcastChannel', 'Worker', 'require', 'self'],
  ...['File', 'Event', 'CustomEvent', 'AbortSignal', 'MessageEvent'],
]);

const LOADERS: ReadonlySet<string> = new Set(['getBuiltinModule', 'createRequire', 'globalThis']);

export function syntaxOf(path: string, text: string): Syntax {
  const imports: Import[] = [];
  const impure: string[] = [];
  const loaders: string[] = [];
  let readsEnvironment = false;
  const visit = (node: ts.Node): void => {
    const found = importOf(path, node);
    if (found) imports.push(found);
    if (ts.isIdentifier(node) && isImpure(node)) impure.push(node.text);
    if (ts.isIdentifier(node) && LOADERS.has(node.text)) loaders.push(node.text);
    if (isEnvironment(node)) readsEnvironment = true;
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return { imports, impure, loaders, readsEnvironment };
}

function importOf(path: string, node: ts.Node): Import | undefined {
  const resolved = (specifier: ts.Node | undefined, names: readonly string[] = []): Import => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return { of: undefined, names };
    const { text } = specifier;
    if (!text.startsWith('.')) return { of: text, names };
    return { of: posix.normalize(posix.join(posix.dirname(path), text)).replace(/\.js$/, '.ts'), names };
  };
  if (ts.isImportDeclaration(node)) return resolved(node.moduleSpecifier, namesOf(node.importClause));
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
    const clause = node.exportClause;
    const names = clause && ts.isNamedExports(clause) ? clause.elements.map(originalName) : [];
    return resolved(node.moduleSpecifier, names);
  }
  if (ts.isImportTypeNode(node)) {
    return resolved(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined);
  }
  if (ts.isExternalModuleReference(node)) return resolved(node.expression);
  const isDynamic =
    ts.isCallExpression(node) &&
    (node.expression.kind === ts.SyntaxKind.ImportKeyword ||
      (ts.isIdentifier(node.expression) && node.expression.text === 'require'));
  return isDynamic ? resolved(node.arguments[0]) : undefined;
}

function namesOf(clause: ts.ImportClause | undefined): readonly string[] {
  const bindings = clause?.namedBindings;
  if (clause === undefined || clause.name !== undefined || !bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map(originalName);
}

function originalName({ propertyName, name }: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (propertyName ?? name).text;
}

function isImpure(node: ts.Identifier): boolean {
  if (isName(node)) return false;
  if (node.text === 'Date') return !isDateOfArgument(node);
  // All of Math is pure but random; a reference that is not followed by a name may be for that.
  if (node.text === 'Math') return !(ts.isPropertyAccessExpression(node.parent) && node.parent.name.text !== 'random');
  return IMPURE_GLOBALS.has(node.text);
}

/** `new Date(milliseconds)` depends on its argument alone, and a type does nothing. */
function isDateOfArgument(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isTypeReferenceNode(parent)) return true;
  if (!ts.isNewExpression(parent) || parent.expression !== node) return false;
  const [first] = parent.arguments ?? [];
  return first !== undefined && first.getText() !== 'undefined' && !ts.isSpreadElement(first);
}

/** The name of a property or of a declaration, not a reference to a global. */
function isName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node || parent.name === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return true;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  return 'name' in parent && parent.name === node;
}

/** `process.env` in any spelling: the name `env` of process, process as a whole, or what node:process exports. */
function isEnvironment(node: ts.Node): boolean {
  if (ts.isStringLiteralLike(node)) return /^(?:node:)?process$/.test(node.text) && isSpecifier(node);
  if (!ts.isIdentifier(node) || node.text !== 'process' || isName(node)) return false;
  const { parent } = node;
  // Only a named property other than env says what is read.
  return !(ts.isPropertyAccessExpression(parent) && parent.name.text !== 'env');
}

/** The name of a module in an import, an export or a dynamic import. */
function isSpecifier({ parent }: ts.Node): boolean {
  return ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent) || ts.isCallExpression(parent);
}
