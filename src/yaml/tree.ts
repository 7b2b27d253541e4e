/** Nested plain values, as a YAML or JSON file holds them. */
export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at `timeouts.dial`, or nothing. Only own keys count. */
export function valueAt(tree: unknown, path: string): unknown {
  let value = tree;
  for (const key of path.split('.')) {
    if (!isTree(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Sets the value at a path and makes the sections on the way; a text or list in their place stays, to be refused later. */
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

/** Removes the key at a path. */
export function deleteAt(tree: Tree, path: string): void {
  const at = path.lastIndexOf('.');
  const section = at < 0 ? tree : valueAt(tree, path.slice(0, at));
  if (isTree(section)) delete section[path.slice(at + 1)];
}
