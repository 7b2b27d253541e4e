import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../../src/gateway/report/log.js';
import { Rpc } from '../../../src/serve/workers/rpc.js';
import { Supervisor } from '../../../src/serve/workers/supervisor.js';

const SECOND = 1000;
const lines: string[] = [];
/** The workers that were forked. */
let workers: EventEmitter[];

/** A fork that the system refuses, as it usually reports it: by an `error` event a moment later. */
function forkRefused(): Worker {
  const worker = Object.assign(new EventEmitter(), {
    process: { pid: undefined, kill: () => false },
    send: () => false,
  });
  queueMicrotask(() => worker.emit('error', Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })));
  return worker as unknown as Worker;
}

/** A worker that asks for its assignment and is ready at once. */
function forkWorker(): Worker {
  const worker = Object.assign(new EventEmitter(), {
    process: { pid: 1000 + workers.length, kill: () => true },
    send: (message: object) => void workerRpc.receive(message),
  });
  const workerRpc = new Rpc((message) => void worker.emit('message', message));
  workers.push(worker);
  queueMicrotask(async () => {
    await workerRpc.call('get assignment');
    workerRpc.notify('ready', {});
  });
  return worker as unknown as Worker;
}

function makeSupervisor(count = 1): Supervisor {
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

/** A fork that fails at once, as without memory. */
const throwNoMemory = (): never => {
  throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
};

describe('a start', () => {
  it.each([
    ['at once', throwNoMemory, 'ENOMEM'],
    ['a moment later', forkRefused, 'EAGAIN'],
  ])('fails with the error code when the system refuses one of the processes %s', async (_, second, errno) => {
    vi.spyOn(cluster, 'fork').mockImplementationOnce(forkWorker).mockImplementationOnce(second);
    await expect(makeSupervisor(2).start()).rejects.toMatchObject({
      code: 'WORKER_ENDED',
      kind: 'unreachable',
      message: expect.stringContaining(errno),
    });
  });
});

describe('a worker that crashed', () => {
  it('is replaced, also if the first forks fail', async () => {
    const fork = vi.spyOn(cluster, 'fork').mockImplementation(forkWorker);
    const supervisor = makeSupervisor();
    await supervisor.start();
    fork.mockImplementationOnce(throwNoMemory).mockImplementationOnce(throwNoMemory);
    workers[0]?.emit('exit', null, 'SIGKILL');
    await vi.advanceTimersByTimeAsync(SECOND);
    expect([workers.length, supervisor.listening]).toEqual([1, 0]);
    expect(lines.join('')).toMatch(/event=worker\.start_failed worker=1 reason=.*ENOMEM/);
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    expect([workers.length, supervisor.listening]).toEqual([2, 1]);
    supervisor.stopReplacing();
  });

  it('is not replaced after stopReplacing', async () => {
    const fork = vi.spyOn(cluster, 'fork').mockImplementation(forkWorker);
    const supervisor = makeSupervisor();
    await supervisor.start();
    workers[0]?.emit('exit', 1, null);
    await vi.advanceTimersByTimeAsync(0);
    supervisor.stopReplacing();
    await vi.advanceTimersByTimeAsync(100 * SECOND);
    expect(fork).toHaveBeenCalledTimes(1);
  });
});
