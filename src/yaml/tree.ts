/** The plain values of a YAML or JSON file: nested mappings. */
export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value at a path such as `timeouts.dial`, or `undefined`. Only own properties count. */
export function valueAt(tree: unknown, path: string): unknown {
  let value = tree;
  for (const key of path.split('.')) {
    if (!isTree(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Sets the value at a path and creates missing sections. If a section is not a mapping, it stays and the schema rejects it later. */
export function setAt(tree: Tree, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? path;
  let section = tree;
  for (const key of keys) {
    section[key] ??= {};
    const next = section[key];
    if (!isTree(next)) return;
    section = next;
  }
  section[last] = value;
}

/** Removes the value at a path, if there is one. */
export function deleteAt(tree: Tree, path: string): void {
  const at = path.lastIndexOf('.');
  const section = at < 0 ? tree : valueAt(tree, path.slice(0, at));
  if (isTree(section)) delete section[path.slice(at + 1)];
}
