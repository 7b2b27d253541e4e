import { describe, expect, it } from 'vitest';
import { parseRule } from '../../src/policy/rules.js';

describe('parseRule', () => {
  it.each([
    '',
    ':3389',
    'desk:',
    'desk:0',
    'desk:3390-3389',
    'desk:1-2-3',
    'desk:1,2',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.1/8',
    'fd00::/129',
    'desk/24',
    '[desk]:3389',
    '[10.0.0.0/8]:3389',
    '10.*',
    '10.0.0.*',
    '*.10.*',
    '*.',
    '*..example',
    'a b',
    'http://desk',
    '2130706433',
    '**.a b',
  ])('rejects %j', (text) => {
    expect(() => parseRule(text)).toThrow(expect.objectContaining({ kind: 'input' }));
  });

  it('suggests the block that was probably meant', () => {
    expect(() => parseRule('10.1.2.3/8')).toThrow(expect.objectContaining({ hint: 'write 10.0.0.0/8' }));
    expect(() => parseRule('10.0.*')).toThrow(expect.objectContaining({ hint: 'write a block: 192.168.0.0/16' }));
  });
});
