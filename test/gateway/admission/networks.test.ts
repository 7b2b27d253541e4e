import { describe, expect, it } from 'vitest';
import { networkOf, networksOf } from '../../../src/gateway/admission/networks.js';

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

describe('the networks of an address', () => {
  it.each([
    ['192.0.2.7', ['192.0.2.0/24', '192.0.2.7/32']],
    ['::ffff:192.0.2.7', ['192.0.2.0/24', '192.0.2.7/32']],
    ['::ffff:c000:207', ['192.0.2.0/24', '192.0.2.7/32']],
    ['2001:db8:1:2f3::9', ['2001:db8::/32', '2001:db8:1::/48', '2001:db8:1:200::/56', '2001:db8:1:2f3::/64']],
    ['::1', ['::/32', '::/48', '::/56', '::/64']],
    ['fe80::1%eth0', ['fe80::/32', 'fe80::/48', 'fe80::/56', 'fe80::/64']],
    ['unix', ['unix']],
  ])('%s', (address, networks) => {
    expect(networksOf(address)).toEqual(networks);
  });
});
