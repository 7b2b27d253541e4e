import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { systemLookup } from '../../src/cli/target-name.js';

it('finds the addresses that this machine has for a name', async () => {
  expect(await systemLookup('localhost')).toContain('127.0.0.1');
});

it('finds none for a name that does not exist', async () => {
  expect(await systemLookup(`no-such-name.${hostname()}.invalid`)).toEqual([]);
});
