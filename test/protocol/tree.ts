/** Helpers for the trees that `dissect` returns. */
import type { Span } from '../../src/protocol/index.js';

/** The leaves in order. A root without children covers no bytes and is not a leaf. */
export function leavesOf(span: Span): Span[] {
  return span.children ? span.children.flatMap(leavesOf) : [span];
}

/** Returns why a tree does not tile `length` bytes, or undefined if every leaf starts where the one before it ended. */
export function gapIn(tree: Span, length: number): string | undefined {
  let end = 0;
  for (const leaf of leavesOf(tree)) {
    if (leaf.offset !== end) return `${leaf.name} starts at ${leaf.offset}, the leaf before it ends at ${end}`;
    if (leaf.length < 0) return `${leaf.name} has ${leaf.length} bytes`;
    end += leaf.length;
  }
  if (end !== length) return `the leaves end at ${end} of ${length}`;
  return groupGap(tree);
}

/** Checks that each group spans exactly its children. */
function groupGap(span: Span): string | undefined {
  if (!span.children) return undefined;
  const sum = span.children.reduce((total, child) => total + child.length, 0);
  if (sum !== span.length) return `${span.name} has ${span.length} bytes, its children ${sum}`;
  for (const child of span.children) {
    const gap = groupGap(child);
    if (gap) return gap;
  }
  return undefined;
}

/** The fields in the tree by name, without the header, the counts and the trailing bytes. */
export function fieldsOfTree(tree: Span): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const span of (tree.children ?? []).slice(3)) {
    const value = span.children ? span.children.at(-1)?.value : span.value;
    const entry = /^(.+)\[(\d+)\]$/.exec(span.name);
    if (!entry) fields[span.name] = value;
    else {
      const name = entry[1] as string;
      if (entry[2] === '0') fields[name] = [];
      (fields[name] as unknown[]).push(value);
    }
  }
  return fields;
}
