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

const ROOM = { connections: 1000, connectionsPerAddress: 1000, handshakes: 1000, handshakesPerAddress: 1000 };
/** How many may be told why, in all and from one address, within three seconds. */
const [TOLD, TOLD_PER_ADDRESS, TELL_MS] = [64, 16, 3000];

interface Setting {
  readonly door: ConnectionAdmission;
  readonly lines: string[];
  readonly counters: Counters;
}

function doorWith(limits: Partial<typeof ROOM>, overloaded = () => false, connectionCount?: ConnectionCount): Setting {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) });
  const counters = new Counters();
  return {
    door: new ConnectionAdmission({ limits: { ...ROOM, ...limits }, overloaded, counters, log, connectionCount }),
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
const from = (address: string | undefined): Socket & Peer => new Peer(address) as unknown as Socket & Peer;
/** Comes again from the port of another connection, whose end nobody has heard of yet. */
const again = ({ remoteAddress, remotePort }: Peer): Socket & Peer =>
  new Peer(remoteAddress, remotePort) as unknown as Socket & Peer;
const turnedAwayBy = ({ counters }: Setting): object =>
  counters.snapshot({ sessions: 0, connections: 0, handshakes: 0, loopDelay: { mean: 0, p50: 0, p99: 0, max: 0 } })
    .turnedAway;

describe('the door', () => {
  it('lets in as many strangers as there are places, and who is known or gone makes room', () => {
    const { door } = doorWith({ handshakes: 2 });
    const [first, second] = [from('10.0.0.1'), from('10.0.0.2')];
    for (const socket of [first, second])
      expect([door.admit(socket), door.answersRejected(socket)]).toEqual([true, false]);
    const third = from('10.0.0.3');
    expect([door.admit(third), door.answersRejected(third)]).toEqual([true, true]);
    door.authenticated(first);
    expect(door.unauthenticated).toBe(1);
    const fourth = from('10.0.0.4');
    expect([door.admit(fourth), door.answersRejected(fourth)]).toEqual([true, false]);
    second.destroy();
    first.destroy();
    expect(door.unauthenticated).toBe(1);
  });

  it('holds the limit of connections for those who are known too, until they close', () => {
    const setting = doorWith({ connectionsPerAddress: 1 });
    const { door } = setting;
    const first = from('10.0.0.1');
    expect([door.admit(first), door.answersRejected(first)]).toEqual([true, false]);
    door.authenticated(first);
    const second = from('::ffff:10.0.0.1');
    door.admit(second);
    expect(door.answersRejected(second)).toBe(true);
    expect(turnedAwayBy(setting)).toEqual({ 'limits.connectionsPerAddress': 1 });
    first.destroy();
    const third = from('10.0.0.1');
    door.admit(third);
    expect(door.answersRejected(third)).toBe(false);
  });

  it('takes no place away for those whom another limit turns away', () => {
    const { door } = doorWith({ connections: 2, handshakes: 1 });
    const first = from('10.0.0.1');
    expect([door.admit(first), door.answersRejected(first)]).toEqual([true, false]);
    for (let count = 0; count < 5; count++) door.admit(from('10.0.0.2'));
    door.authenticated(first);
    const next = from('10.0.0.2');
    door.admit(next);
    expect(door.answersRejected(next)).toBe(false);
  });

  it('cuts those who are gone already, and counts them nowhere', () => {
    const setting = doorWith({});
    const socket = from(undefined);
    expect(setting.door.admit(socket)).toBe(false);
    expect(socket.destroyed).toBe(true);
    expect(setting.door.unauthenticated).toBe(0);
    expect(turnedAwayBy(setting)).toEqual({});
  });

  it('lets nobody in while the process is overloaded', () => {
    let overloaded = true;
    const setting = doorWith({}, () => overloaded);
    const socket = from('10.0.0.1');
    setting.door.admit(socket);
    expect(setting.door.answersRejected(socket)).toBe(true);
    expect(turnedAwayBy(setting)).toEqual({ 'limits.loopDelay': 1 });
    overloaded = false;
    const next = from('10.0.0.1');
    setting.door.admit(next);
    expect(setting.door.answersRejected(next)).toBe(false);
  });
});

describe('somebody who comes again from the same port before the end of the former connection was heard of', () => {
  it('is counted like anybody else, whoever ends first', () => {
    const { door } = doorWith({ connections: 2, handshakes: 2 });
    const first = from('10.0.0.1');
    for (let former = first, count = 0; count < 10; count++) {
      expect([door.admit(former), door.answersRejected(former)]).toEqual([true, false]);
      const next = again(former);
      expect([door.admit(next), door.answersRejected(next)]).toEqual([true, false]);
      expect(door.unauthenticated).toBe(2);
      for (const socket of count % 2 ? [former, next] : [next, former]) socket.destroy();
      expect(door.unauthenticated).toBe(0);
      former = again(former);
    }
  });

  it('has nothing of what is told of the former one', () => {
    const { door } = doorWith({});
    const former = from('10.0.0.1');
    expect([door.admit(former), door.answersRejected(former)]).toEqual([true, false]);
    const next = again(former);
    expect([door.admit(next), door.answersRejected(next)]).toEqual([true, false]);
    door.authenticated(former);
    expect(door.unauthenticated).toBe(1);
    former.destroy();
    door.authenticated(next);
    expect(door.unauthenticated).toBe(0);
  });

  it('is not turned away for the former one, nor let in', () => {
    let full = true;
    const { door } = doorWith({}, () => full);
    const former = from('10.0.0.1');
    door.admit(former);
    const turned = again(former);
    door.admit(turned);
    former.destroy();
    expect(door.answersRejected(turned)).toBe(true);
    full = false;
    const welcome = again(former);
    door.admit(welcome);
    expect(door.answersRejected(welcome)).toBe(false);
    turned.destroy();
    full = true;
    const last = again(former);
    door.admit(last);
    welcome.destroy();
    expect(door.answersRejected(last)).toBe(true);
  });
});

describe('those who are turned away', () => {
  const knock = (door: ConnectionAdmission, addresses: number, each: number): Peer[] => {
    const all = Array.from({ length: addresses * each }, (_, index) => from(`10.0.1.${index % addresses}`));
    return all.filter((socket) => door.admit(socket));
  };

  it('are told why as long as there are seats, and cut beyond', () => {
    const { door, lines } = doorWith({ connections: 0 });
    expect(knock(door, 1, 100)).toHaveLength(TOLD_PER_ADDRESS);
    expect(knock(door, 10, 100)).toHaveLength(TOLD - TOLD_PER_ADDRESS);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/connections turned away reason=limits.connections peer=10.0.1.0 total=1\n/);
    expect(lines[1]).toMatch(/total=1001\n/);
  });

  it('keep their seats for the whole time, however soon they go, and are cut behind it', () => {
    const { door } = doorWith({ connections: 0 });
    const [first, ...others] = knock(door, 8, 8);
    first?.destroy();
    expect(knock(door, 8, 8)).toEqual([]);
    vi.advanceTimersByTime(TELL_MS);
    expect(others.every(({ destroyed }) => destroyed)).toBe(true);
    expect(knock(door, 8, 8)).toHaveLength(TOLD);
  });

  it('leave nothing that could be told to somebody else', () => {
    const { door } = doorWith({ connections: 0 });
    const socket = from('10.0.0.1');
    door.admit(socket);
    socket.destroy();
    expect(door.answersRejected(socket)).toBe(false);
  });
});

describe('those who were one too many over all processes', () => {
  /** What the census heard, with the word that turns the last one away. */
  function counted(): {
    door: ConnectionAdmission;
    setting: Setting;
    heard: string[];
    turnAway: (setting: string) => void;
  } {
    const heard: string[] = [];
    let last: (setting: string) => void = () => undefined;
    const setting = doorWith({ connections: 1 }, undefined, {
      add(_, network, turnAway) {
        heard.push(`enter ${network}`);
        last = turnAway;
      },
      authenticated: () => void heard.push('known'),
      remove: () => void heard.push('leave'),
    });
    return { door: setting.door, setting, heard, turnAway: (name) => last(name) };
  }

  it('are told why behind their TLS handshake, and hold no place meanwhile', () => {
    const { door, setting, heard, turnAway } = counted();
    const socket = from('10.0.0.1');
    door.admit(socket);
    turnAway('limits.connections');
    expect([door.answersRejected(socket), socket.destroyed, door.unauthenticated]).toEqual([true, false, 0]);
    expect(turnedAwayBy(setting)).toEqual({ 'limits.connections': 1 });
    const next = from('10.0.0.2');
    expect([door.admit(next), door.answersRejected(next)]).toEqual([true, false]);
    socket.destroy();
    expect(heard).toEqual(['enter 10.0.0.1', 'leave', 'enter 10.0.0.2']);
  });

  it('are cut when they are served already', () => {
    const { door, turnAway } = counted();
    const socket = from('10.0.0.1');
    door.admit(socket);
    expect(door.answersRejected(socket)).toBe(false);
    turnAway('limits.connections');
    expect([socket.destroyed, door.unauthenticated]).toEqual([true, 0]);
  });

  it('are nobody when they are gone', () => {
    const { door, setting, heard, turnAway } = counted();
    const socket = from('10.0.0.1');
    expect([door.admit(socket), door.answersRejected(socket)]).toEqual([true, false]);
    door.authenticated(socket);
    socket.destroy();
    turnAway('limits.connections');
    expect(turnedAwayBy(setting)).toEqual({});
    expect(heard).toEqual(['enter 10.0.0.1', 'known', 'leave']);
  });
});
