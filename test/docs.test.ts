/**
 * Runs every `console` block of the documentation and compares the output. A line `…` stands for any number of lines.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLI_ROOT, rdgw } from './support/cli.js';

interface Example {
  readonly args: readonly string[];
  readonly output: readonly string[];
}

const DOCUMENTS = ['docs/decode.md'];

function examplesIn(document: string): Example[] {
  const blocks = readFileSync(document, 'utf8').matchAll(/^```console\n\$ rdgw (.*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, line = '', output = '']) => ({
    args: [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? ''),
    output: output.split('\n').slice(0, -1),
  }));
}

/** Whether `printed` matches `shown`, where `…` stands for any number of lines. */
function fits(shown: readonly string[], printed: readonly string[]): boolean {
  const [first, ...rest] = shown;
  if (first === undefined) return printed.length === 0;
  if (first !== '…') return first === printed[0] && fits(rest, printed.slice(1));
  return printed.some((_, at) => fits(rest, printed.slice(at))) || fits(rest, []);
}

describe.each(DOCUMENTS)('%s', (document) => {
  const examples = examplesIn(document);

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it.each(examples)('shows the output of rdgw $args', async ({ args, output }) => {
    const { stdout, stderr } = await rdgw(args, { cwd: CLI_ROOT });
    expect(stderr).toBe('');
    const printed = stdout.split('\n').slice(0, -1);
    expect(fits(output, printed), `printed:\n${stdout}`).toBe(true);
  });
});

describe('the comparison', () => {
  it.each([
    [['a', '…', 'c'], ['a', 'b', 'b', 'c'], true],
    [['a', '…'], ['a'], true],
    [['a'], ['a', 'b'], false],
    [['…', 'c'], ['a', 'b'], false],
  ])('of %j with %j is %j', (shown, printed, matches) => {
    expect(fits(shown, printed)).toBe(matches);
  });
});
