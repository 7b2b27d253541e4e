import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Strangers } from '../../src/gateway/strangers.js';

let port = 0;
const from = (remoteAddress: string): Socket =>
  Object.assign(new EventEmitter(), { remoteAddress, remotePort: ++port }) as unknown as Socket;

describe('strangers', () => {
  it('are as many as there are places, until one closes or is known', () => {
    const strangers = new Strangers(2, 2);
    const [first, second] = [from('10.0.0.1'), from('10.0.0.2')];
    expect([strangers.add(first), strangers.add(second)]).toEqual([undefined, undefined]);
    expect(strangers.add(from('10.0.0.3'))).toBe('limits.handshakes');
    first.emit('close');
    expect(strangers.add(from('10.0.0.3'))).toBeUndefined();
    strangers.remove(second);
    expect(strangers.add(from('10.0.0.4'))).toBeUndefined();
    expect(strangers.add(from('10.0.0.5'))).toBe('limits.handshakes');
  });

  it('who are known are not counted down again when they close', () => {
    const strangers = new Strangers(10, 1);
    const known = from('10.0.0.1');
    strangers.add(known);
    strangers.remove(known);
    expect(strangers.add(from('10.0.0.1'))).toBeUndefined();
    known.emit('close');
    expect(strangers.add(from('10.0.0.1'))).toBe('limits.handshakesPerAddress');
  });

  it.each([
    ['an IPv4 address', '192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['an IPv4 address on a dual-stack socket', '::ffff:192.0.2.1', '192.0.2.1', '::ffff:192.0.2.2'],
    ['a /64 of IPv6', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
    ['a /64 with zeros left out in front', '::1', '0:0:0:0:9::', '1::1'],
    ['a /64 with zeros left out within', '2001:db8::1', '2001:db8:0:0:1::', '2001:db8:0:1::1'],
  ])('from one place share its share: %s', (_, one, same, other) => {
    const strangers = new Strangers(10, 1);
    expect(strangers.add(from(one))).toBeUndefined();
    expect(strangers.add(from(same))).toBe('limits.handshakesPerAddress');
    expect(strangers.add(from(other))).toBeUndefined();
  });
});
