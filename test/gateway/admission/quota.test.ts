import { describe, expect, it } from 'vitest';
import { networkOf, Quota } from '../../../src/gateway/admission/quota.js';

describe('places', () => {
  it('are as many as there are, until somebody leaves', () => {
    const places = new Quota('limits.handshakes', 2, 2);
    expect([places.take('10.0.0.1'), places.take('10.0.0.2')]).toEqual([undefined, undefined]);
    expect(places.take('10.0.0.3')).toBe('limits.handshakes');
    places.release('10.0.0.1');
    expect(places.size).toBe(1);
    expect(places.take('10.0.0.3')).toBeUndefined();
    expect(places.take('10.0.0.4')).toBe('limits.handshakes');
  });

  it('are so many for one network', () => {
    const places = new Quota('limits.handshakes', 10, 2);
    expect([places.take('10.0.0.1'), places.take('10.0.0.1')]).toEqual([undefined, undefined]);
    expect(places.take('10.0.0.1')).toBe('limits.handshakesPerAddress');
    expect(places.take('10.0.0.2')).toBeUndefined();
    places.release('10.0.0.1');
    expect(places.take('10.0.0.1')).toBeUndefined();
    expect(places.take('10.0.0.1')).toBe('limits.handshakesPerAddress');
  });

  it('are not given back by somebody who had none', () => {
    const places = new Quota('limits.handshakes', 1, 1);
    places.take('10.0.0.1');
    places.release('10.0.0.2');
    expect(places.size).toBe(1);
  });
});

describe('a network', () => {
  it.each([
    ['an IPv4 address', '192.0.2.1', '192.0.2.1', '192.0.2.2'],
    ['an IPv4 address on a dual-stack socket', '::ffff:192.0.2.1', '192.0.2.1', '::ffff:192.0.2.2'],
    ['a /64 of IPv6', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
    ['a /64 with zeros left out in front', '::1', '0:0:0:0:9::', '1::1'],
    ['a /64 with zeros left out within', '2001:db8::1', '2001:db8:0:0:1::', '2001:db8:0:1::1'],
  ])('is %s', (_, one, same, other) => {
    expect(networkOf(same)).toBe(networkOf(one));
    expect(networkOf(other)).not.toBe(networkOf(one));
  });
});
