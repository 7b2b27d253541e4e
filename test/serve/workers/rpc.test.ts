import { describe, expect, it } from 'vitest';
import { Rpc } from '../../../src/serve/workers/rpc.js';
import { wires } from '../../support/site.js';

describe('a wire', () => {
  it('brings answers to those who asked, and what went wrong', async () => {
    const [one, other] = wires();
    other.on('double', (value: number) => 2 * value);
    other.on('fail', () => Promise.reject(new Error('no')));
    expect(await Promise.all([one.call('double', 2), one.call('double', 4)])).toEqual([4, 8]);
    await expect(one.call('fail')).rejects.toThrow('no');
    await expect(one.call('what')).rejects.toThrow('nobody answers what');
  });

  it('does not wait for ever, and what was promised too late can be undone', async () => {
    const [one, other] = wires();
    let answer: (value: string) => void = () => undefined;
    other.on('slow', () => new Promise((resolve) => (answer = resolve)));
    const undone = new Promise<string>((resolve) => {
      const asked = one.call('slow', undefined, { within: 20, late: (value: string) => resolve(value) });
      asked.catch((error: Error) => {
        expect(error.message).toBe('no answer to slow');
        answer('at last');
      });
    });
    expect(await undone).toBe('at last');
  });

  it('tells whoever waits when the other side is gone, and sends nothing more', async () => {
    const sent: object[] = [];
    const wire = new Rpc((message) => sent.push(message));
    const asked = wire.call('anything');
    wire.close();
    await expect(asked).rejects.toThrow('is gone');
    await expect(wire.call('more')).rejects.toThrow('is gone');
    wire.notify('more');
    expect(sent).toHaveLength(1);
  });

  it('passes over what is not its own', async () => {
    const wire = new Rpc(() => expect.unreachable());
    for (const message of [undefined, null, 7, 'x', {}, { cmd: 'NODE_X' }, { rdgw: 'answer', id: 9 }]) {
      await wire.receive(message);
    }
  });
});
