import { describe, expect, it } from 'vitest';
import { differingSettings, reloadableConfig } from '../../src/config/changed-settings.js';
import { schema } from '../../src/config/schema.js';

const before = schema.parse({ listen: '127.0.0.1:1', workers: 2, limits: { tunnels: 5 } });
const after = schema.parse({ listen: 2, log: { keylog: '/keys' }, metrics: { listen: 3 }, limits: { tunnels: 6 } });

describe('settings that need a restart', () => {
  it('keep their values, and all others change', () => {
    const config = reloadableConfig(before, after);
    expect(config).toMatchObject({ listen: before.listen, workers: 2, limits: { tunnels: 6 } });
    expect(config.log.keylog).toBeUndefined();
    expect(config.metrics.listen).toBeUndefined();
    expect(differingSettings(before, config).map(({ path }) => path)).toEqual(['limits.tunnels']);
  });

  it('do not change in the new settings themselves', () => {
    reloadableConfig(before, after);
    expect(after).toMatchObject({ listen: [{ address: { port: 2 } }], log: { keylog: '/keys' } });
  });
});
