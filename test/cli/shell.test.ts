import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellWord } from '../../src/cli/shell.js';

describe('shellWord', () => {
  it.each([
    '/etc/rdgw.yaml',
    'gw.example:8443',
    'a b',
    "it's",
    '$HOME',
    '[::1]:8443',
    '~/x',
    '',
    '*',
    '`id`',
    'a\\b',
    '!!',
  ])('is one word to a shell: %j', (word) => {
    const output = execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(word, 'linux')}`], { encoding: 'utf8' });
    expect(output).toBe(word);
  });

  it('does not quote a plain word', () => {
    expect(shellWord('/etc/rdgw.yaml', 'linux')).toBe('/etc/rdgw.yaml');
    expect(shellWord('gw.example:8443', 'linux')).toBe('gw.example:8443');
    expect(shellWord('C:\\Users\\a\\rdgw.yaml', 'win32')).toBe('C:\\Users\\a\\rdgw.yaml');
    expect(shellWord('C:\\My Files', 'win32')).toBe('"C:\\My Files"');
  });
});
