import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeConfig, effectiveSettings, settingsTable } from '../../src/config/index.js';
import { SETTINGS } from '../../src/config/settings.js';
import { configFolder } from './config-folder.js';

const folder = configFolder();

describe('describeConfig', () => {
  const TEXT = `
listen: "[::1]:8443"
auth:
  module:
    path: ./auth.mjs
    options:
      url: postgres://gateway:hunter2@db/users
      dsn: Server=x;Password=hunter2;
      hook: https://x/?token=hunter2
      pwd: hunter2
      bearer: [hunter2, {deep: hunter2}]
      pin: 4711
      nothing: null
      keyFile: ./hunter2.key
      verify: true
      token: {ttl: false}
timeouts: {dial: 5}
`;

  it('shows value, unit, reason and source', async () => {
    const loaded = await folder.loadText(TEXT, {
      env: { RDGW_TIMEOUTS_TLS: '7' },
      overrides: { 'log.format': 'json' },
    });
    const text = describeConfig(loaded);
    expect(text).toContain('\nlisten: "[::1]:8443" # from rdgw.yaml, default 8443\n');
    expect(text).toContain('\n  dial: 5 # s, from rdgw.yaml, default 10\n');
    expect(text).toContain('\n  tls: 7 # s, from RDGW_TIMEOUTS_TLS, default 10\n');
    expect(text).toContain('\n  format: json # from a flag, default text\n');
    expect(text).toContain('\n  drain: 30 # s\n');
    expect(text).toContain('\n  # keylog: not set\n');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('masks the options of a custom authenticator, except names and booleans', async () => {
    const loaded = await folder.loadText(TEXT);
    expect(describeConfig(loaded)).not.toMatch(/hunter2|4711/);
    expect(effectiveSettings(loaded).auth).toEqual({
      paa: { mode: 'signed', keys: [] },
      whenRevoked: 'keep',
      module: {
        path: join(folder.cwd, 'auth.mjs'),
        options: {
          url: '********',
          dsn: '********',
          hook: '********',
          pwd: '********',
          bearer: ['********', { deep: '********' }],
          pin: '********',
          nothing: '********',
          keyFile: '********',
          verify: true,
          token: { ttl: false },
        },
      },
    });
  });

  it('writes a file with the same settings', async () => {
    const first = await folder.loadText(
      'listen: 10.0.0.1:1\nhostname: Gw.Example\ntargets: {allow: ["*.a:*", "[fd00::/8]:1-2"]}\ntls: {cert: a, key: "b: c # d"}',
    );
    const second = await folder.loadText(describeConfig(first));
    expect(second.config).toEqual(first.config);
  });

  it('writes every form of listen, hostname and trusted proxies', async () => {
    const first = await folder.loadText(
      `listen: [443, {address: "[::1]:80", tls: off}, "unix:/run/a", {address: "unix:/run/b", mode: 0600, group: web, proxyProtocol: required}]
hostname: "[fd00::1]:443"
trustedProxies: [10.0.0.0/8]
forwarded: forwarded`,
    );
    expect((await folder.loadText(describeConfig(first))).config).toEqual(first.config);
  });

  it.each(['9464', '10.0.0.1:9464', '"[::1]:9464"', '"*:9464"'])(
    'keeps the meaning of metrics.listen: %s',
    async (text) => {
      const first = await folder.loadText(`metrics: {listen: ${text}}`);
      expect(first.config.metrics.listen?.port).toBe(9464);
      expect((await folder.loadText(describeConfig(first))).config).toEqual(first.config);
    },
  );
});

describe('the settings', () => {
  it('all have a reason, and numbers have bounds', () => {
    for (const { path, reason, kind, range, env } of SETTINGS) {
      expect(reason, path).toMatch(/^.{20,}\.$/);
      expect(env, path).toMatch(/^RDGW_[A-Z_]+$/);
      expect(range === undefined, path).toBe(kind !== 'number');
    }
    expect(new Set(SETTINGS.map(({ env }) => env)).size).toBe(SETTINGS.length);
  });

  it('form a Markdown table', () => {
    const lines = settingsTable().trimEnd().split('\n');
    expect(lines).toHaveLength(SETTINGS.length + 2);
    expect(lines.filter((line) => line.split('|').length !== 6)).toEqual([]);
    expect(lines).toContainEqual(
      expect.stringMatching(/^\| `timeouts\.dial` \| `10` s \(1 to 90\) \| `RDGW_TIMEOUTS_DIAL` \|/),
    );
    expect(lines).toContainEqual(expect.stringContaining('| `listen` | `8443` | `RDGW_LISTEN` |'));
  });
});
