import { describe, expect, it } from 'vitest';
import { Rpc } from '../../../src/serve/workers/rpc.js';
import { rpcPair } from '../../support/site.js';

describe('Rpc', () => {
  it('returns the answer or the error to each caller', async () => {
    const [one, other] = rpcPair();
    other.on('double', (value: number) => 2 * value);
    other.on('fail', () => Promise.reject(new Error('no')));
    expect(await Promise.all([one.call('double', 2), one.call('double', 4)])).toEqual([4, 8]);
    await expect(one.call('fail')).rejects.toThrow('no');
    await expect(one.call('what')).rejects.toThrow('no handler for what');
  });

  it('times out, and passes on an answer that arrives late', async () => {
    const [one, other] = rpcPair();
    let answer: (value: string) => void = () => undefined;
    other.on('slow', () => new Promise((resolve) => (answer = resolve)));
    const lateAnswer = new Promise<string>((resolve) => {
      const call = one.call('slow', undefined, { timeoutMs: 20, onLateAnswer: (value: string) => resolve(value) });
      call.catch((error: Error) => {
        expect(error.message).toBe('no answer to slow');
        answer('at last');
      });
    });
    expect(await lateAnswer).toBe('at last');
  });

  it('rejects pending calls when the other side ends, and sends nothing more', async () => {
    const sent: object[] = [];
    const rpc = new Rpc((message) => sent.push(message));
    const pending = rpc.call('anything');
    rpc.close();
    await expect(pending).rejects.toThrow('is gone');
    await expect(rpc.call('more')).rejects.toThrow('is gone');
    rpc.notify('more');
    expect(sent).toHaveLength(1);
  });

  it('ignores messages that are not its own', async () => {
    const rpc = new Rpc(() => expect.unreachable());
    for (const message of [undefined, null, 7, 'x', {}, { cmd: 'NODE_X' }, { rdgw: 'answer', id: 9 }]) {
      await rpc.receive(message);
    }
  });
});
