import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import { Rpc } from '../../../src/serve/workers/rpc.js';
import { Supervisor } from '../../../src/serve/workers/supervisor.js';

const SECOND = 1000;
const lines: string[] = [];
/** Those that the system has started. */
let workers: EventEmitter[];

/** A process that the system has refused, as it mostly says it: a moment later. */
function startNone(): Worker {
  const worker = Object.assign(new EventEmitter(), {
    process: { pid: undefined, kill: () => false },
    send: () => false,
  });
  queueMicrotask(() => worker.emit('error', Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })));
  return worker as unknown as Worker;
}

/** A process that asks for its duty and is ready at once. */
function startOne(): Worker {
  const worker = Object.assign(new EventEmitter(), {
    process: { pid: 1000 + workers.length, kill: () => true },
    send: (message: object) => void far.receive(message),
  });
  const far = new Rpc((message) => void worker.emit('message', message));
  workers.push(worker);
  queueMicrotask(async () => {
    await far.call('hello');
    far.notify('ready', {});
  });
  return worker as unknown as Worker;
}

function workforce(count = 1): Supervisor {
  return new Supervisor({
    count,
    log: createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) }),
    started: () => undefined,
    assignment: () => ({}) as never,
    ended: () => 3,
  });
}

beforeEach(() => {
  workers = [];
  lines.length = 0;
  vi.useFakeTimers();
  vi.spyOn(cluster, 'setupPrimary').mockReturnValue();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** As a system without memory does. */
const refuse = (): never => {
  throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
};

describe('a start', () => {
  it.each([
    ['at once', refuse, 'ENOMEM'],
    ['a moment later', startNone, 'EAGAIN'],
  ])('fails with a word for it when the system refuses one of the processes %s', async (_, second, word) => {
    vi.spyOn(cluster, 'fork').mockImplementationOnce(startOne).mockImplementationOnce(second);
    await expect(workforce(2).start()).rejects.toMatchObject({
      code: 'WORKER_ENDED',
      kind: 'unreachable',
      message: expect.stringContaining(word),
    });
  });
});

describe('a worker that crashed', () => {
  it('is replaced, also when the system refuses a process at first', async () => {
    const fork = vi.spyOn(cluster, 'fork').mockImplementation(startOne);
    const force = workforce();
    await force.start();
    fork.mockImplementationOnce(refuse).mockImplementationOnce(refuse);
    workers[0]?.emit('exit', null, 'SIGKILL');
    await vi.advanceTimersByTimeAsync(SECOND);
    expect([workers.length, force.listening]).toEqual([1, 0]);
    expect(lines.join('')).toMatch(/worker cannot start worker=1 reason=.*ENOMEM/);
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    expect([workers.length, force.listening]).toEqual([2, 1]);
    force.stopReplacing();
  });

  it('is not replaced once nobody is', async () => {
    const fork = vi.spyOn(cluster, 'fork').mockImplementation(startOne);
    const force = workforce();
    await force.start();
    workers[0]?.emit('exit', 1, null);
    await vi.advanceTimersByTimeAsync(0);
    force.stopReplacing();
    await vi.advanceTimersByTimeAsync(100 * SECOND);
    expect(fork).toHaveBeenCalledTimes(1);
  });
});
