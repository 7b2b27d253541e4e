import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureCertificates } from '../../src/certs/ensure.js';
import { type ConnectionRequest, makeConnection } from '../../src/cli/connection.js';
import { loadConfig } from '../../src/config/index.js';
import { settingValue } from '../../src/rdpfile/parse.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rdgw-connection-'));
  await ensureCertificates(join(folder, 'data'), { hosts: ['localhost', 'gw.home.example', '10.0.0.5'] });
  await ensureCertificates(join(folder, 'local'), { hosts: ['localhost', '127.0.0.1'] });
});
afterAll(() => rmSync(folder, { recursive: true }));

async function make(request: Partial<ConnectionRequest> = {}, overrides: Record<string, unknown> = {}, data = 'data') {
  const { config } = await loadConfig({ env: {}, cwd: folder, home: folder, overrides });
  const args = [{ target: 'desk', user: 'alice', ...request }, config, join(folder, data), NOW] as const;
  return await makeConnection(...args, async (host) => ADDRESSES.get(host) ?? []);
}
const ADDRESSES = new Map([
  ['own-name', ['127.0.1.1']],
  ['mixed', ['127.0.1.1', '10.0.0.6']],
  ['metadata', ['169.254.169.254', '::1']],
]);
const fault = (code: string, kind: string, place?: string) =>
  expect.objectContaining({ code, kind, ...(place && { place }) });

describe('makeConnection', () => {
  it('mints a token for one target, one gateway and one user', async () => {
    const { settings, ...made } = await make({ target: 'DESK.example:3390', ttl: '30m' });
    const token = settingValue(settings, 'gatewayaccesstoken') ?? '';
    const [header = '', payload = '', signature] = token.split('.');
    const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString());
    expect(read(header)).toEqual({ alg: 'HS256' });
    expect(read(payload)).toEqual({
      sub: 'alice',
      tgt: 'desk.example:3390',
      aud: 'gw.home.example',
      exp: NOW / 1000 + 1800,
      jti: expect.stringMatching(/^[\w-]{11}$/),
    });
    const key = Buffer.from(readFileSync(join(folder, 'data', 'token.key'), 'utf8').trim(), 'base64url');
    expect(signature).toBe(createHmac('sha256', key).update(`${header}.${payload}`).digest('base64url'));
    expect(made).toEqual({
      target: 'desk.example:3390',
      gateway: 'gw.home.example:8443',
      holder: { user: 'alice', expires: new Date(NOW + 1_800_000) },
      tokenLength: token.length,
      fileName: 'desk.example-3390.rdp',
      warnings: [],
    });
  });

  it('takes the gateway from the flag, else the configuration, else the certificate', async () => {
    const gateway = async (...args: Parameters<typeof make>) => {
      const { settings, gateway, warnings } = await make(...args);
      return [settingValue(settings, 'gatewayhostname'), gateway, warnings.length];
    };
    expect(await gateway()).toEqual(['gw.home.example:8443', 'gw.home.example:8443', 0]);
    expect(await gateway({}, { listen: '443' })).toEqual(['gw.home.example', 'gw.home.example:443', 0]);
    expect(await gateway({}, { hostname: 'GW.Example' })).toEqual(['gw.example:8443', 'gw.example:8443', 0]);
    expect(await gateway({}, { hostname: 'gw.example:443' })).toEqual(['gw.example', 'gw.example:443', 0]);
    const behindProxy = { hostname: 'gw.example', listen: 'unix:/run/gw' };
    expect(await gateway({}, behindProxy)).toEqual(['gw.example', 'gw.example:443', 0]);
    expect(await gateway({ gateway: '10.0.0.5:443' }, { hostname: 'gw.example' })).toEqual([
      '10.0.0.5',
      '10.0.0.5:443',
      0,
    ]);
    expect(await gateway({ gateway: 'elsewhere.example' })).toEqual([
      'elsewhere.example:8443',
      'elsewhere.example:8443',
      1,
    ]);
    expect(await gateway({}, {}, 'local')).toEqual(['localhost:8443', 'localhost:8443', 1]);
  });

  it('warns about a long token, a gateway that does not accept it, and a mistyped setting', async () => {
    expect((await make({ user: 'u'.repeat(100) })).warnings).toEqual([
      expect.stringMatching(/^the token has \d+ characters/),
    ]);
    const overrides = { 'auth.paa.mode': 'static', 'auth.paa.tokensFile': 'tokens' };
    expect((await make({}, overrides)).warnings).toEqual([
      'the configured gateway does not accept tokens of mkrdp: auth.paa.mode is static',
    ]);
    const ownToken = ['gatewayaccesstoken:s:4f1c09ab5e6d7788aa'];
    expect((await make({ set: ownToken }, overrides)).warnings).toEqual([]);
    expect((await make({ set: ['audiomod:i:1'] })).warnings).toEqual([
      'unknown setting "audiomod" in --set, did you mean "audiomode"?',
    ]);
  });

  it.each([
    [
      'full address:s:other',
      'the file names the target other:3389, but its token is for desk:3389: use --target instead of --set',
    ],
    ['full address:s:desk:3390', 'the file names the target desk:3390, but'],
    ['alternate full address:s:other:1', 'the file names the target other:1, but'],
    ['server port:i:3390', 'the file names the target desk:3390, but'],
    ['full address:s:no host', 'the file names the target "no host", but'],
    [
      'gatewayhostname:s:elsewhere:443',
      'the file names the gateway elsewhere:443, but its token is for gw.home.example:8443: use --gateway instead of --set',
    ],
    ['gatewayhostname:s:GW.home.example', 'the file names the gateway gw.home.example:443, but'],
    ['gatewayusagemethod:i:0', 'the file bypasses the gateway: gatewayusagemethod is 0, not 1'],
    ['gatewayusagemethod:i:4', 'the file bypasses the gateway: gatewayusagemethod is 4, not 1'],
  ])('warns that the token is not valid for --set %s', async (set, warning) => {
    const { warnings } = await make({ set: [set] });
    expect(warnings).toEqual([expect.stringContaining(warning)]);
    const foreign = await make({ set: [set, 'gatewayaccesstoken:s:of-another-user'] });
    expect(foreign.warnings).toEqual([]);
  });

  it.each([
    ['full address:s:DESK:3389'],
    ['server port:i:3389'],
    ['alternate full address:s:desk'],
    ['gatewayhostname:s:GW.home.example:8443'],
    ['gatewayusagemethod:i:2'],
  ])('does not warn about --set %s, which names the same target and gateway', async (set) => {
    expect((await make({ set: [set] })).warnings).toEqual([]);
  });

  it('warns about a target name that resolves to special addresses only, and names the cure', async () => {
    expect((await make({ target: 'Own-Name.:3390' })).warnings).toEqual([
      'own-name resolves to 127.0.1.1 (loopback) on this machine, which a token for a name does not open: use --target localhost:3390',
    ]);
    expect((await make({ target: 'metadata' })).warnings).toEqual([
      expect.stringMatching(
        /^metadata resolves to 169\.254\.169\.254 \(cloud metadata\) .* --target 169\.254\.169\.254$/,
      ),
    ]);
    expect((await make({ target: 'mixed' })).warnings).toEqual([]);
    // The targets of another token are unknown here.
    expect((await make({ target: 'own-name', set: ['gatewayaccesstoken:s:of-another-user'] })).warnings).toEqual([]);
  });

  it.each(['127.0.0.1', '[::1]:3390', '10.0.0.6', 'localhost', 'desk.localhost:3390'])(
    'does not look up the target %s',
    async (target) => {
      const { config } = await loadConfig({ env: {}, cwd: folder, home: folder });
      const lookUp = vi.fn(async () => ['127.0.0.1']);
      const request = { target, user: 'alice' };
      expect((await makeConnection(request, config, join(folder, 'data'), NOW, lookUp)).warnings).toEqual([]);
      expect(lookUp).not.toHaveBeenCalled();
    },
  );

  it('changes and adds settings', async () => {
    const { settings } = await make({ set: ['GatewayUsageMethod:i:2', 'audiomode:i:1'] });
    expect(settingValue(settings, 'gatewayusagemethod')).toBe('2');
    expect(settings.at(-1)).toEqual({ name: 'audiomode', type: 'i', value: '1' });
  });

  it.each<[Partial<ConnectionRequest>, string, string]>([
    [{ target: '' }, 'TARGET_INVALID', '--target'],
    [{ target: 'a\r\nb:s:c' }, 'TARGET_INVALID', '--target'],
    [{ target: '../desk' }, 'TARGET_INVALID', '--target'],
    [{ target: 'x'.repeat(10_000) }, 'TARGET_INVALID', '--target'],
    [{ gateway: 'gw x' }, 'TARGET_INVALID', '--gateway'],
    [{ gateway: '' }, 'TARGET_INVALID', '--gateway'],
    [{ user: '' }, 'TOKEN_CLAIMS', '--user'],
    [{ user: 'a\nb' }, 'TOKEN_CLAIMS', '--user'],
    [{ ttl: '31d' }, 'TTL_INVALID', '--ttl'],
    [{ set: ['username:s:x\nfull address:s:evil'] }, 'SETTING_INVALID', '--set'],
    [{ set: ['username:x:y'] }, 'SETTING_INVALID', '--set'],
    [{ set: ['a:i:1', 'A:i:2'] }, 'SETTING_INVALID', '--set'],
  ])('rejects %j', async (request, code, place) => {
    await expect(make(request)).rejects.toThrow(fault(code, 'usage', place));
  });

  it('does not make keys', async () => {
    await expect(make({}, {}, 'empty')).rejects.toThrow(fault('TOKEN_KEY_MISSING', 'configuration'));
    rmSync(join(folder, 'local', 'server.pem'));
    await expect(make({}, {}, 'local')).rejects.toThrow(fault('GATEWAY_UNKNOWN', 'configuration'));
    expect((await make({ gateway: 'gw.example' }, {}, 'local')).gateway).toBe('gw.example:8443');
  });
});
