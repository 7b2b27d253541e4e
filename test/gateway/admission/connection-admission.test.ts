import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionAdmission } from '../../../src/gateway/admission/connection-admission.js';
import type { ConnectionCount, ConnectionDecisions } from '../../../src/gateway/admission/connection-count.js';
import { Connection, type Peer } from '../../../src/gateway/io/connection.js';
import { Counters } from '../../../src/gateway/report/counters.js';
import { createLog } from '../../../src/gateway/report/log.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const LIMITS = {
  connections: 1000,
  connectionsPerAddress: 1000,
  handshakes: 1000,
  handshakesPerAddress: 1000,
  handshakeRate: 1000,
  handshakeRatePerAddress: 1000,
};
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
      timeouts: { tls: 10 },
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
class FakeSocket extends EventEmitter {
  readonly remotePort: number;
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
const connectionOver = (socket: FakeSocket, peer?: Peer): Connection =>
  new Connection(socket as unknown as Socket, peer ?? { address: socket.remoteAddress, isTrustedProxy: false });
const connectFrom = (address: string | undefined): Connection => connectionOver(new FakeSocket(address));
/** A connection of a trusted proxy over a Unix socket. */
const connectProxy = (): Connection =>
  connectionOver(new FakeSocket(undefined), { address: undefined, isTrustedProxy: true });
/** A new connection from the port of another one, whose end the process has not seen yet. */
const reconnect = ({ socket: { remoteAddress, remotePort } }: Connection): Connection =>
  connectionOver(new FakeSocket(remoteAddress, remotePort));
const isClosed = ({ socket }: Connection): boolean => socket.destroyed;
const close = ({ socket }: Connection): void => void socket.destroy();
const countsOf = ({ counters }: Setting) =>
  counters.snapshot({ sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } });
const rejectionsOf = (setting: Setting): object => countsOf(setting).rejected;
const evictionsOf = (setting: Setting): object => countsOf(setting).evicted;

/** Completes TLS. Returns true when the connection was rejected and gets an answer. */
const completeTls = (admission: ConnectionAdmission, connection: Connection): boolean =>
  admission.answersRejected(connection, connection.socket);

/** A new connection with complete TLS. */
function secured({ admission }: Setting, address: string): Connection {
  const connection = connectFrom(address);
  expect([admission.admit(connection), completeTls(admission, connection)]).toEqual([true, false]);
  return connection;
}

function authenticated(setting: Setting, address: string): Connection {
  const connection = secured(setting, address);
  setting.admission.authenticated(connection);
  return connection;
}

describe('connection admission', () => {
  it('reuses the slot of a connection that authenticates or closes', () => {
    const setting = admissionWith({ handshakes: 2 });
    const { admission } = setting;
    const [first, second] = [secured(setting, '10.0.0.1'), secured(setting, '10.0.0.2')];
    expect(admission.unauthenticated).toBe(2);
    admission.authenticated(first);
    expect(admission.unauthenticated).toBe(1);
    secured(setting, '10.0.0.4');
    close(second);
    close(first);
    expect(admission.unauthenticated).toBe(1);
    expect(evictionsOf(setting)).toEqual({});
  });

  it('ends a connection without an identity for a new one when limits.handshakes is reached', () => {
    const setting = admissionWith({ handshakes: 2 });
    const [first, second] = [connectFrom('10.0.0.1'), connectFrom('10.0.0.2')];
    for (const connection of [first, second]) setting.admission.admit(connection);
    const third = secured(setting, '10.0.0.3');
    expect([first, second, third].map(isClosed)).toEqual([true, false, false]);
    expect(setting.admission.unauthenticated).toBe(2);
    expect([evictionsOf(setting), rejectionsOf(setting)]).toEqual([{ 'limits.handshakes': 1 }, {}]);
  });

  it('never ends an authenticated connection for a new one', () => {
    const setting = admissionWith({ connections: 2 });
    const both = [authenticated(setting, '10.0.0.1'), authenticated(setting, '10.0.0.2')];
    vi.advanceTimersByTime(3_600_000);
    const third = connectFrom('10.0.0.3');
    setting.admission.admit(third);
    expect(completeTls(setting.admission, third)).toBe(true);
    expect(both.map(isClosed)).toEqual([false, false]);
    expect([evictionsOf(setting), rejectionsOf(setting)]).toEqual([{}, { 'limits.connections': 1 }]);
  });

  it('ends a connection without an identity when limits.connections is reached', () => {
    const setting = admissionWith({ connections: 2 });
    const [user, unknown] = [authenticated(setting, '10.0.0.1'), connectFrom('10.0.0.2')];
    setting.admission.admit(unknown);
    secured(setting, '10.0.0.3');
    expect([user, unknown].map(isClosed)).toEqual([false, true]);
    expect(evictionsOf(setting)).toEqual({ 'limits.connections': 1 });
  });

  it('counts authenticated connections for the limit of connections until they close', () => {
    const setting = admissionWith({ connectionsPerAddress: 1 });
    const first = authenticated(setting, '10.0.0.1');
    const second = connectFrom('::ffff:10.0.0.1');
    setting.admission.admit(second);
    expect(completeTls(setting.admission, second)).toBe(true);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connectionsPerAddress': 1 });
    close(first);
    secured(setting, '10.0.0.1');
  });

  it('ends one of the same address when the share of that address is used up', () => {
    for (const limits of [{ handshakesPerAddress: 2 }, { connectionsPerAddress: 2 }]) {
      const setting = admissionWith(limits);
      const [other, first, second] = ['10.0.0.9', '10.0.0.1', '10.0.0.1'].map(connectFrom) as [
        Connection,
        Connection,
        Connection,
      ];
      for (const connection of [other, first, second]) setting.admission.admit(connection);
      secured(setting, '10.0.0.1');
      expect([other, first, second].map(isClosed)).toEqual([false, true, false]);
      expect(evictionsOf(setting)).toEqual({ [`limits.${Object.keys(limits)[0]}`]: 1 });
    }
  });

  it('rejects a connection rather than end one of the same address that makes progress', () => {
    const setting = admissionWith({ handshakesPerAddress: 1 });
    const first = secured(setting, '10.0.0.1');
    const second = connectFrom('10.0.0.1');
    setting.admission.admit(second);
    expect([completeTls(setting.admission, second), isClosed(first)]).toEqual([true, false]);
    vi.advanceTimersByTime(1_000);
    secured(setting, '10.0.0.1');
    expect(isClosed(first)).toBe(true);
  });

  it('takes no slot for a connection that another limit rejects', () => {
    const setting = admissionWith({ connections: 2, connectionsPerAddress: 1 });
    const { admission } = setting;
    authenticated(setting, '10.0.0.1');
    for (let count = 0; count < 5; count++) admission.admit(connectFrom('10.0.0.1'));
    expect(admission.unauthenticated).toBe(0);
    secured(setting, '10.0.0.2');
    expect(evictionsOf(setting)).toEqual({});
  });

  it('closes a socket that has already disconnected, and does not count it', () => {
    const setting = admissionWith({});
    const connection = connectFrom(undefined);
    expect(setting.admission.admit(connection)).toBe(false);
    expect(isClosed(connection)).toBe(true);
    expect(setting.admission.unauthenticated).toBe(0);
    expect(rejectionsOf(setting)).toEqual({});
  });

  it('admits no connection while the process is overloaded', () => {
    let overloaded = true;
    const setting = admissionWith({}, () => overloaded);
    const connection = connectFrom('10.0.0.1');
    setting.admission.admit(connection);
    expect(completeTls(setting.admission, connection)).toBe(true);
    expect(rejectionsOf(setting)).toEqual({ 'limits.loopDelay': 1 });
    overloaded = false;
    secured(setting, '10.0.0.1');
  });

  it('applies lower limits of a reload when others need the slots', () => {
    const setting = admissionWith({});
    const all = Array.from({ length: 5 }, () => connectFrom('10.0.0.1'));
    for (const connection of all) setting.admission.admit(connection);
    setting.admission.adjust({ ...LIMITS, handshakes: 2 });
    expect(all.filter(isClosed)).toEqual([]);
    secured(setting, '10.0.0.2');
    expect(all.map(isClosed)).toEqual([true, true, true, true, false]);
    expect(setting.admission.unauthenticated).toBe(2);
  });

  it('logs many evictions as one line in five seconds, and their number', () => {
    const { admission, lines } = admissionWith({ handshakes: 10 });
    for (let count = 0; count < 510; count++) admission.admit(connectFrom('10.0.0.1'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/event=connection\.evicted reason=limits.handshakes peer=10.0.0.1 count=1 total=1\n/);
    vi.advanceTimersByTime(5_000);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/count=499 total=500\n/);
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(2);
    admission.admit(connectFrom('10.0.0.1'));
    expect(lines[2]).toMatch(/count=1 total=501\n/);
  });
});

describe('the start of TLS', () => {
  const HELLO = Buffer.from('1603010004deadbeef', 'hex');

  /** A connection whose bytes can be sent, and what became of its handshake. */
  function starting({ admission }: Setting, address: string): { socket: Duplex; events: string[] } {
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const connection = new Connection(socket as unknown as Socket, { address, isTrustedProxy: false });
    const events: string[] = [];
    admission.admit(connection);
    admission.startTls(
      connection,
      () => void events.push('started'),
      (reason) => void events.push(reason),
    );
    return { socket, events };
  }
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('waits for the ClientHello, and no longer than 4 s', async () => {
    const setting = admissionWith({});
    const [one, other] = [starting(setting, '10.0.0.1'), starting(setting, '10.0.0.2')];
    one.socket.push(HELLO.subarray(0, 6));
    await settled();
    vi.advanceTimersByTime(3_999);
    expect([one.events, other.events]).toEqual([[], []]);
    one.socket.push(HELLO.subarray(6));
    await settled();
    vi.advanceTimersByTime(1);
    await settled();
    expect([one.events, other.events]).toEqual([['started'], ['no ClientHello within 4 s']]);
    expect([one.socket.destroyed, other.socket.destroyed]).toEqual([false, true]);
  });

  it('waits while limits.handshakeRate is reached, and no longer than 5 s', async () => {
    const setting = admissionWith({ handshakeRate: 1 });
    const all = Array.from({ length: 9 }, (_, index) => starting(setting, `10.0.0.${index}`));
    for (const { socket } of all) socket.push(HELLO);
    await settled();
    all[1]?.socket.destroy();
    await settled();
    vi.advanceTimersByTime(60_000);
    expect(all.map(({ events }) => events.length)).toEqual([1, 0, 1, 1, 1, 1, 0, 0, 0]);
    expect(all.slice(6).every(({ socket }) => socket.destroyed)).toBe(true);
    expect(rejectionsOf(setting)).toEqual({ 'limits.handshakeRate': 3 });
    expect(setting.lines.join('')).toMatch(/event=handshake\.delayed peer=10.0.0.1 count=1 total=1\n/);
  });

  it('is at once for a rejected connection, which gets an answer', () => {
    const setting = admissionWith({ connections: 0 });
    expect(starting(setting, '10.0.0.1').events).toEqual(['started']);
  });
});

describe('a connection of a trusted proxy', () => {
  it('has no share of its own, and counts in total', () => {
    const setting = admissionWith({ handshakes: 4, connectionsPerAddress: 1, handshakesPerAddress: 1 });
    const all = Array.from({ length: 4 }, connectProxy);
    for (const connection of all) setting.admission.admit(connection);
    expect([all.filter(isClosed), setting.admission.unauthenticated]).toEqual([[], 4]);
    secured(setting, '10.0.0.1');
    expect(all.filter(isClosed)).toEqual([all[0]]);
  });

  it('counts for the client that it speaks for, until it speaks for another one', () => {
    const setting = admissionWith({ handshakesPerAddress: 1 });
    const { admission } = setting;
    const [one, other] = [connectProxy(), connectProxy()];
    for (const connection of [one, other]) {
      admission.admit(connection);
      admission.progressed(connection, 'request');
    }
    expect(admission.identify(one, '192.0.2.1')).toBeUndefined();
    expect(admission.identify(one, '192.0.2.1')).toBeUndefined();
    expect(admission.identify(other, '192.0.2.1')).toBe('limits.handshakesPerAddress');
    expect(admission.identify(other, '192.0.2.2')).toBeUndefined();
    expect(admission.identify(one, undefined)).toBeUndefined();
    expect(admission.identify(other, '192.0.2.1')).toBeUndefined();
    expect([isClosed(one), isClosed(other), admission.unauthenticated]).toEqual([false, false, 2]);
  });

  it('is rejected like a direct one when a PROXY header names a client whose share is used up', () => {
    const setting = admissionWith({ connectionsPerAddress: 1 });
    const { admission } = setting;
    const [one, ...others] = Array.from({ length: 2 + ANSWERED_PER_ADDRESS }, connectProxy);
    for (const connection of [one, ...others]) admission.admit(connection as Connection);
    expect(admission.admitClient(one as Connection, '192.0.2.1')).toBe(true);
    admission.authenticated(one as Connection);
    const admitted = others.map((connection) => admission.admitClient(connection, '192.0.2.1'));
    expect(admitted).toEqual([...others.slice(1).map(() => true), false]);
    expect(others.filter(isClosed)).toEqual(others.slice(-1));
    expect(admission.unauthenticated).toBe(0);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connectionsPerAddress': others.length });
    expect(setting.lines.join('')).toMatch(/connection\.rejected reason=limits\.connectionsPerAddress peer=/);
  });

  it('has the share of its client in limits.connectionsPerAddress also when its user is authenticated', () => {
    const setting = admissionWith({ connectionsPerAddress: 1 });
    const { admission } = setting;
    const [one, other] = [connectProxy(), connectProxy()];
    for (const connection of [one, other]) admission.admit(connection);
    admission.identify(one, '192.0.2.1');
    admission.authenticated(one);
    expect(admission.identify(other, '192.0.2.1')).toBe('limits.connectionsPerAddress');
    expect(admission.identify(one, undefined)).toBeUndefined();
    expect(admission.identify(other, '192.0.2.1')).toBeUndefined();
    close(other);
    expect(admission.identify(one, '192.0.2.1')).toBeUndefined();
  });

  it('replaces one of the same client that makes no progress', () => {
    const setting = admissionWith({ handshakesPerAddress: 1 });
    const { admission } = setting;
    const [idle, next] = [connectProxy(), connectProxy()];
    for (const connection of [idle, next]) admission.admit(connection);
    admission.progressed(idle, 'request');
    admission.identify(idle, '192.0.2.1');
    vi.advanceTimersByTime(1_000);
    expect(admission.identify(next, '192.0.2.1')).toBeUndefined();
    expect([isClosed(idle), isClosed(next)]).toEqual([true, false]);
  });
});

describe('a connection from the same port as a former one whose end was not seen yet', () => {
  it('is counted separately, in whichever order the two end', () => {
    const { admission } = admissionWith({ connections: 2, handshakes: 2 });
    const first = connectFrom('10.0.0.1');
    for (let former = first, count = 0; count < 10; count++) {
      expect([admission.admit(former), completeTls(admission, former)]).toEqual([true, false]);
      const next = reconnect(former);
      expect([admission.admit(next), completeTls(admission, next)]).toEqual([true, false]);
      expect(admission.unauthenticated).toBe(2);
      for (const connection of count % 2 ? [former, next] : [next, former]) close(connection);
      expect(admission.unauthenticated).toBe(0);
      former = reconnect(former);
    }
  });

  it('is not affected by an event of the former one', () => {
    const { admission } = admissionWith({});
    const former = connectFrom('10.0.0.1');
    expect([admission.admit(former), completeTls(admission, former)]).toEqual([true, false]);
    const next = reconnect(former);
    expect([admission.admit(next), completeTls(admission, next)]).toEqual([true, false]);
    admission.authenticated(former);
    expect(admission.unauthenticated).toBe(1);
    close(former);
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
    close(former);
    expect(completeTls(admission, rejected)).toBe(true);
    full = false;
    const admitted = reconnect(former);
    admission.admit(admitted);
    expect(completeTls(admission, admitted)).toBe(false);
    close(rejected);
    full = true;
    const last = reconnect(former);
    admission.admit(last);
    close(admitted);
    expect(completeTls(admission, last)).toBe(true);
  });
});

describe('rejected connections', () => {
  const connectMany = (admission: ConnectionAdmission, addresses: number, each: number): Connection[] => {
    const all = Array.from({ length: addresses * each }, (_, index) => connectFrom(`10.0.1.${index % addresses}`));
    return all.filter((connection) => admission.admit(connection));
  };

  it('are answered while there are rejection slots, and closed without an answer after that', () => {
    const { admission, lines } = admissionWith({ connections: 0 });
    expect(connectMany(admission, 1, 100)).toHaveLength(ANSWERED_PER_ADDRESS);
    expect(connectMany(admission, 10, 100)).toHaveLength(ANSWERED_AT_A_TIME - ANSWERED_PER_ADDRESS);
    vi.advanceTimersByTime(5_000);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/event=connection\.rejected reason=limits.connections peer=10.0.1.0 count=1 total=1\n/);
    expect(lines[1]).toMatch(/count=1099 total=1100\n/);
  });

  it('hold their slots for the whole time even if they close early, and are cut after it', () => {
    const { admission } = admissionWith({ connections: 0 });
    const [first, ...others] = connectMany(admission, 8, 8);
    if (first) close(first);
    expect(connectMany(admission, 8, 8)).toEqual([]);
    vi.advanceTimersByTime(REJECTION_MS);
    expect(others.every(isClosed)).toBe(true);
    expect(connectMany(admission, 8, 8)).toHaveLength(ANSWERED_AT_A_TIME);
  });

  it('leave no state that affects a later connection', () => {
    const { admission } = admissionWith({ connections: 0 });
    const connection = connectFrom('10.0.0.1');
    admission.admit(connection);
    close(connection);
    admission.adjust(LIMITS);
    const next = reconnect(connection);
    expect([admission.admit(next), completeTls(admission, next)]).toEqual([true, false]);
  });
});

describe('the count over all processes', () => {
  /** Records the calls of the connection count; `last` decides about the last connection. */
  function counted(): { setting: Setting; calls: string[]; last: () => ConnectionDecisions } {
    const calls: string[] = [];
    let last: ConnectionDecisions | undefined;
    const setting = admissionWith({}, undefined, {
      add(_, address, decisions) {
        calls.push(`add ${address}`);
        last = decisions;
      },
      identify: (_, address) => void calls.push(`identify ${address}`),
      progressed: (_, milestone) => void calls.push(milestone),
      authenticated: () => void calls.push('authenticated'),
      remove: () => void calls.push('remove'),
    });
    return { setting, calls, last: () => last as ConnectionDecisions };
  }

  it('has an answer for a connection that it rejects before TLS is complete, which holds no slot meanwhile', () => {
    const { setting, calls, last } = counted();
    const connection = connectFrom('10.0.0.1');
    setting.admission.admit(connection);
    last().reject('limits.connections');
    expect(setting.admission.unauthenticated).toBe(0);
    expect([completeTls(setting.admission, connection), isClosed(connection)]).toEqual([true, false]);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connections': 1 });
    close(connection);
    expect(calls).toEqual(['add 10.0.0.1', 'remove']);
  });

  it('closes a connection that it rejects later', () => {
    const { setting, last } = counted();
    const connection = secured(setting, '10.0.0.1');
    last().reject('limits.connections');
    expect([isClosed(connection), setting.admission.unauthenticated]).toEqual([true, 0]);
    expect(rejectionsOf(setting)).toEqual({ 'limits.connections': 1 });
  });

  it('rejects no connection that is closed already', () => {
    const { setting, calls, last } = counted();
    close(authenticated(setting, '10.0.0.1'));
    last().reject('limits.connections');
    last().end('limits.connections');
    expect([rejectionsOf(setting), evictionsOf(setting)]).toEqual([{}, {}]);
    expect(calls).toEqual(['add 10.0.0.1', 'tls', 'authenticated', 'remove']);
  });

  it('ends a connection without an identity for a new one of any process, and no other', () => {
    const { setting, calls, last } = counted();
    const unknown = secured(setting, '10.0.0.1');
    last().end('limits.handshakes');
    last().end('limits.handshakes');
    const user = authenticated(setting, '10.0.0.2');
    last().end('limits.handshakes');
    expect([unknown, user].map(isClosed)).toEqual([true, false]);
    expect(evictionsOf(setting)).toEqual({ 'limits.handshakes': 1 });
    expect(calls).toEqual(['add 10.0.0.1', 'tls', 'remove', 'add 10.0.0.2', 'tls', 'authenticated']);
  });

  it('learns which client a trusted proxy speaks for', () => {
    const { setting, calls } = counted();
    const connection = connectProxy();
    setting.admission.admit(connection);
    for (const address of ['192.0.2.1', '192.0.2.1', undefined, undefined])
      setting.admission.identify(connection, address);
    expect(calls).toEqual(['add undefined', 'identify 192.0.2.1', 'identify undefined']);
  });
});
