import { describe, expect, it } from 'vitest';
import { Quota } from '../../../src/gateway/admission/quota.js';

describe('a quota', () => {
  it('has as many slots as its limit, and a released slot can be taken again', () => {
    const quota = new Quota('limits.handshakes', 2, 2);
    expect([quota.take('10.0.0.1'), quota.take('10.0.0.2')]).toEqual([undefined, undefined]);
    expect(quota.take('10.0.0.3')).toBe('limits.handshakes');
    quota.release('10.0.0.1');
    expect(quota.take('10.0.0.3')).toBeUndefined();
    expect(quota.take('10.0.0.4')).toBe('limits.handshakes');
  });

  it('has a limit for each network', () => {
    const quota = new Quota('limits.handshakes', 10, 2);
    expect([quota.take('10.0.0.1'), quota.take('10.0.0.1')]).toEqual([undefined, undefined]);
    expect(quota.take('10.0.0.1')).toBe('limits.handshakesPerAddress');
    expect(quota.take('10.0.0.2')).toBeUndefined();
    quota.release('10.0.0.1');
    expect(quota.take('10.0.0.1')).toBeUndefined();
    expect(quota.take('10.0.0.1')).toBe('limits.handshakesPerAddress');
  });

  it('ignores a release for a network without a slot', () => {
    const quota = new Quota('limits.handshakes', 1, 1);
    quota.take('10.0.0.1');
    quota.release('10.0.0.2');
    expect(quota.take('10.0.0.2')).toBe('limits.handshakes');
  });
});
