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
    ['192.0.2.7', ['c0000200/24', 'c0000207/32']],
    ['::ffff:192.0.2.7', ['c0000200/24', 'c0000207/32']],
    ['::ffff:c000:207', ['c0000200/24', 'c0000207/32']],
    [
      '2001:db8:1:2f3::9',
      ['20010db8:0:0:0/32', '20010db8:10000:0:0/48', '20010db8:10200:0:0/56', '20010db8:102f3:0:0/64'],
    ],
    ['::1', ['0:0:0:0/32', '0:0:0:0/48', '0:0:0:0/56', '0:0:0:0/64']],
    ['fe80::1%eth0', ['fe800000:0:0:0/32', 'fe800000:0:0:0/48', 'fe800000:0:0:0/56', 'fe800000:0:0:0/64']],
    ['unix', ['unix']],
  ])('%s', (address, networks) => {
    expect(networksOf(address)).toEqual(networks);
  });
});
