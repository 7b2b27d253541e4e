import { expect, it } from 'vitest';
import { randomFrom } from '../mutate.js';
import { mutateScript, receiveStep, type Step, step, stepsOf } from './script.js';

it('stepsOf decodes an encoded script and arbitrary bytes', () => {
  const script = Buffer.concat([step('tick', 0x1234), receiveStep(Buffer.from('ab')), step('allow')]);
  const none = Buffer.alloc(0);
  expect([...stepsOf(script)]).toEqual([
    { action: 'tick', value: 0x1234, bytes: none },
    { action: 'receive', value: 2, bytes: Buffer.from('ab') },
    { action: 'allow', value: 0, bytes: none },
  ]);
  expect([...stepsOf(Buffer.from('09ffff61', 'hex'))]).toEqual([
    { action: 'receive', value: 0xffff, bytes: Buffer.from('a') },
  ]);
});

it('mutateScript adds, removes or changes one step and keeps received bytes unless it removes them', () => {
  const script = Buffer.concat([receiveStep(Buffer.from('abcd')), step('allow'), receiveStep(Buffer.from('ef'))]);
  const random = randomFrom(1);
  const receivedBytes = (steps: readonly Step[]): string => steps.map(({ bytes }) => bytes).join('');
  const seen = new Set<string>();
  for (let turn = 0; turn < 300; turn++) {
    const steps = [...stepsOf(mutateScript(script, random))];
    expect(receivedBytes(steps)).toMatch(/^(?:abcd)?(?:ef)?$/);
    seen.add(steps.map(({ action }) => action).join());
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
