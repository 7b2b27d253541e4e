import { expect, it } from 'vitest';
import { randomFrom } from '../mutate.js';
import { disturbed, happens, receives, type Step, stepsOf } from './script.js';

it('a script is read as it was written, and anything is a script', () => {
  const script = Buffer.concat([happens('tick', 0x1234), receives(Buffer.from('ab')), happens('allow')]);
  const none = Buffer.alloc(0);
  expect([...stepsOf(script)]).toEqual([
    { what: 'tick', value: 0x1234, bytes: none },
    { what: 'receive', value: 2, bytes: Buffer.from('ab') },
    { what: 'allow', value: 0, bytes: none },
  ]);
  expect([...stepsOf(Buffer.from('09ffff61', 'hex'))]).toEqual([
    { what: 'receive', value: 0xffff, bytes: Buffer.from('a') },
  ]);
});

it('a disturbed script has one step more or less, and what arrives is the same unless it never does', () => {
  const script = Buffer.concat([receives(Buffer.from('abcd')), happens('allow'), receives(Buffer.from('ef'))]);
  const random = randomFrom(1);
  const arrives = (steps: readonly Step[]): string => steps.map(({ bytes }) => bytes).join('');
  const seen = new Set<string>();
  for (let turn = 0; turn < 300; turn++) {
    const steps = [...stepsOf(disturbed(script, random))];
    expect(arrives(steps)).toMatch(/^(?:abcd)?(?:ef)?$/);
    seen.add(steps.map(({ what }) => what).join());
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'receive,receive',
      'tick,receive,allow,receive',
      'receive,close,receive,allow,receive',
      'receive,allow,receive,receive',
      'receive,allow,receive,deny',
    ]),
  );
});
