import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionAdmission } from '../../../src/gateway/admission/connection-admission.js';
import type { ConnectionCount } from '../../../src/gateway/admission/connection-count.js';
import { Counters } from '../../../src/gateway/report/counters.js';
import { createLog } from '../../../src/gateway/report/log.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const LIMITS = { connections: 1000, connectionsPerAddress: 1000, handshakes: 1000, handshakesPerAddress: 1000 };
/** How many rejected connections are answered, in all and from one address, within 3 s. */
const [ANSWERED_AT_A_TIME, ANSWERED_PER_ADDRESS, REJECTION_MS] = [64, 16, 3000];

interface Setting {
  readonly admission: ConnectionAdmission;
  readonly lines: string[];
  readonly counters: Counters;
}

function admissionWith(
  limits: Partial<typeof LIMITS>,
  overloaded = () => false,
  connectionCount?: ConnectionCount,
): Setting {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) });
  const counters = new Counters();
  return {
    admission: new ConnectionAdmission({
      limits: { ...LIMITS, ...limits },
      overloaded,
      counters,
      log,
      connectionCount,
    }),
    lines,
    counters,
  };
}

let port = 0;
class Peer extends EventEmitter {
  readonly remotePort: number;
  readonly localAddress = '192.0.2.99';
  readonly localPort = 443;
  destroyed = false;
  constructor(
    readonly remoteAddress: string | undefined,
    remotePort = ++port,
  ) {
    super();
    this.remotePort = remotePort;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}
const connectFrom = (address: string | undefined): Socket & Peer => new Peer(address) as unknown as Socket & Peer;
/** A new connection from the port of another one, whose end the process has not seen yet. */
const reconnect = ({ remoteAddress, remotePort }: Peer): Socket & Peer =>
  new Peer(remoteAddress, remotePort) as unknown as Socket & Peer;
const rejectionsOf = ({ counters }: Setting): object =>
  counters.snapshot({ sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } })
    .rejected;

describe('connection admission', () => {
  it('admits connections up to limits.handshakes, and reuses the slot of one that authenticates or closes', () => {
    const { admission } = admissionWith({ handshakes: 2 });
    const [first, second] = [connectFrom('10.0.0.1'), connectFrom('10.0.0.2')];
    for (const socket of [first, second])
      expect([admission.admit(socket), admission.answersRejected(socket)]).toEqual([true, false]);
    const third = connectFrom('10.0.0.3');
    expect([admission.admit(third), admission.answersRejected(third)]).toEqual([true, true]);
    admission.authenticated(first);
    expect(admission.unauthenticated).toBe(1);
    const fourth = connectFrom('10.0.0.4');
    expect([admission.admit(fourth), admission.answersRejected(fourth)]).toEqual([true, false]);
    second.destroy();
    first.destroy();
    expect(admission.unauthenticated).toBe(1);
  });

  it('counts authenticated connections for the limit of connections until they close', () => {
    const setting = admissionWith({ connectionsPerAddress: 1 });
    const { admission } = setting;
    const first = connectFrom('10.0.0.1');
    expect([admission.admit(first), admission.answersRejected(first)]).toEqual([true, false]);
    admission.authenticated(first);
    const second = connectFrom('::ffff:10.0.0.1');
    admission.admit(second);
    expect(admission.answersRejected(second)).toBe(true);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connectionsPerAddress': 1 });
    first.destroy();
    const third = connectFrom('10.0.0.1');
    admission.admit(third);
    expect(admission.answersRejected(third)).toBe(false);
  });

  it('takes no slot for a connection that another limit rejects', () => {
    const { admission } = admissionWith({ connections: 2, handshakes: 1 });
    const first = connectFrom('10.0.0.1');
    expect([admission.admit(first), admission.answersRejected(first)]).toEqual([true, false]);
    for (let count = 0; count < 5; count++) admission.admit(connectFrom('10.0.0.2'));
    admission.authenticated(first);
    const next = connectFrom('10.0.0.2');
    admission.admit(next);
    expect(admission.answersRejected(next)).toBe(false);
  });

  it('closes a socket that has already disconnected, and does not count it', () => {
    const setting = admissionWith({});
    const socket = connectFrom(undefined);
    expect(setting.admission.admit(socket)).toBe(false);
    expect(socket.destroyed).toBe(true);
    expect(setting.admission.unauthenticated).toBe(0);
    expect(rejectionsOf(setting)).toEqual({});
  });

  it('admits no connection while the process is overloaded', () => {
    let overloaded = true;
    const setting = admissionWith({}, () => overloaded);
    const socket = connectFrom('10.0.0.1');
    setting.admission.admit(socket);
    expect(setting.admission.answersRejected(socket)).toBe(true);
    expect(rejectionsOf(setting)).toEqual({ 'limits.loopDelay': 1 });
    overloaded = false;
    const next = connectFrom('10.0.0.1');
    setting.admission.admit(next);
    expect(setting.admission.answersRejected(next)).toBe(false);
  });
});

describe('a connection from the same port as a former one whose end was not seen yet', () => {
  it('is counted separately, in whichever order the two end', () => {
    const { admission } = admissionWith({ connections: 2, handshakes: 2 });
    const first = connectFrom('10.0.0.1');
    for (let former = first, count = 0; count < 10; count++) {
      expect([admission.admit(former), admission.answersRejected(former)]).toEqual([true, false]);
      const next = reconnect(former);
      expect([admission.admit(next), admission.answersRejected(next)]).toEqual([true, false]);
      expect(admission.unauthenticated).toBe(2);
      for (const socket of count % 2 ? [former, next] : [next, former]) socket.destroy();
      expect(admission.unauthenticated).toBe(0);
      former = reconnect(former);
    }
  });

  it('is not affected by an event of the former one', () => {
    const { admission } = admissionWith({});
    const former = connectFrom('10.0.0.1');
    expect([admission.admit(former), admission.answersRejected(former)]).toEqual([true, false]);
    const next = reconnect(former);
    expect([admission.admit(next), admission.answersRejected(next)]).toEqual([true, false]);
    admission.authenticated(former);
    expect(admission.unauthenticated).toBe(1);
    former.destroy();
    admission.authenticated(next);
    expect(admission.unauthenticated).toBe(0);
  });

  it('is neither rejected nor admitted because the former one was', () => {
    let full = true;
    const { admission } = admissionWith({}, () => full);
    const former = connectFrom('10.0.0.1');
    admission.admit(former);
    const rejected = reconnect(former);
    admission.admit(rejected);
    former.destroy();
    expect(admission.answersRejected(rejected)).toBe(true);
    full = false;
    const admitted = reconnect(former);
    admission.admit(admitted);
    expect(admission.answersRejected(admitted)).toBe(false);
    rejected.destroy();
    full = true;
    const last = reconnect(former);
    admission.admit(last);
    admitted.destroy();
    expect(admission.answersRejected(last)).toBe(true);
  });
});

describe('rejected connections', () => {
  const connectMany = (admission: ConnectionAdmission, addresses: number, each: number): Peer[] => {
    const all = Array.from({ length: addresses * each }, (_, index) => connectFrom(`10.0.1.${index % addresses}`));
    return all.filter((socket) => admission.admit(socket));
  };

  it('are answered while there are rejection slots, and closed without an answer after that', () => {
    const { admission, lines } = admissionWith({ connections: 0 });
    expect(connectMany(admission, 1, 100)).toHaveLength(ANSWERED_PER_ADDRESS);
    expect(connectMany(admission, 10, 100)).toHaveLength(ANSWERED_AT_A_TIME - ANSWERED_PER_ADDRESS);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/event=connection\.rejected reason=limits.connections peer=10.0.1.0 total=1\n/);
    expect(lines[1]).toMatch(/total=1001\n/);
  });

  it('hold their slots for the whole time even if they close early, and are cut after it', () => {
    const { admission } = admissionWith({ connections: 0 });
    const [first, ...others] = connectMany(admission, 8, 8);
    first?.destroy();
    expect(connectMany(admission, 8, 8)).toEqual([]);
    vi.advanceTimersByTime(REJECTION_MS);
    expect(others.every(({ destroyed }) => destroyed)).toBe(true);
    expect(connectMany(admission, 8, 8)).toHaveLength(ANSWERED_AT_A_TIME);
  });

  it('leave no state that affects a later connection', () => {
    const { admission } = admissionWith({ connections: 0 });
    const socket = connectFrom('10.0.0.1');
    admission.admit(socket);
    socket.destroy();
    expect(admission.answersRejected(socket)).toBe(false);
  });
});

describe('connections that exceed a limit over all processes', () => {
  /** Records the calls of the connection count; `reject` rejects the last connection. */
  function counted(): {
    admission: ConnectionAdmission;
    setting: Setting;
    calls: string[];
    reject: (setting: string) => void;
  } {
    const calls: string[] = [];
    let last: (setting: string) => void = () => undefined;
    const setting = admissionWith({ connections: 1 }, undefined, {
      add(_, network, reject) {
        calls.push(`add ${network}`);
        last = reject;
      },
      authenticated: () => void calls.push('authenticated'),
      remove: () => void calls.push('remove'),
    });
    return { admission: setting.admission, setting, calls, reject: (name) => last(name) };
  }

  it('are answered after their TLS handshake, and hold no slot meanwhile', () => {
    const { admission, setting, calls, reject } = counted();
    const socket = connectFrom('10.0.0.1');
    admission.admit(socket);
    reject('limits.connections');
    expect([admission.answersRejected(socket), socket.destroyed, admission.unauthenticated]).toEqual([true, false, 0]);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connections': 1 });
    const next = connectFrom('10.0.0.2');
    expect([admission.admit(next), admission.answersRejected(next)]).toEqual([true, false]);
    socket.destroy();
    expect(calls).toEqual(['add 10.0.0.1', 'remove', 'add 10.0.0.2']);
  });

  it('are cut when their TLS handshake is complete', () => {
    const { admission, reject } = counted();
    const socket = connectFrom('10.0.0.1');
    admission.admit(socket);
    expect(admission.answersRejected(socket)).toBe(false);
    reject('limits.connections');
    expect([socket.destroyed, admission.unauthenticated]).toEqual([true, 0]);
  });

  it('are not counted as rejected when they are closed already', () => {
    const { admission, setting, calls, reject } = counted();
    const socket = connectFrom('10.0.0.1');
    expect([admission.admit(socket), admission.answersRejected(socket)]).toEqual([true, false]);
    admission.authenticated(socket);
    socket.destroy();
    reject('limits.connections');
    expect(rejectionsOf(setting)).toEqual({});
    expect(calls).toEqual(['add 10.0.0.1', 'authenticated', 'remove']);
  });
});
