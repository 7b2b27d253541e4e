import { describe, expect, it } from 'vitest';
import { proxyWarnings } from '../../src/serve/settings-files.js';

describe('trusted proxies', () => {
  it('that are everybody have a warning', () => {
    const warnings = proxyWarnings({ trustedProxies: ['10.0.0.0/8', '0.0.0.0/0', '::/0'] });
    expect(warnings).toEqual([
      'trustedProxies contains 0.0.0.0/0: every client can claim to be another one',
      'trustedProxies contains ::/0: every client can claim to be another one',
    ]);
  });
});
