import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configFolder } from './config-folder.js';

const folder = configFolder();

describe('sources', () => {
  it('give flags precedence over environment and file, for each setting', async () => {
    const { config, sources } = await folder.loadText('timeouts: {tls: 3, head: 3, dial: 3}', {
      env: { RDGW_TIMEOUTS_HEAD: '4', RDGW_TIMEOUTS_DIAL: '4' },
      overrides: { 'timeouts.dial': 5, 'log.format': undefined },
    });
    expect(config.timeouts).toMatchObject({ tls: 3, head: 4, dial: 5, close: 5 });
    expect(Object.fromEntries(sources)).toEqual({
      'timeouts.tls': 'rdgw.yaml',
      'timeouts.head': 'RDGW_TIMEOUTS_HEAD',
      'timeouts.dial': 'flag',
    });
  });

  it('include every kind of value from the environment', async () => {
    const { config } = await folder.load({
      env: {
        RDGW_LISTEN: '[::1]:0',
        RDGW_AUTH_PAA_KEYS: 'a.pem, /b.pem,',
        RDGW_TARGETS_ALLOW: '10.0.0.0/8,*.corp.example:3389-3399',
        RDGW_TRANSPORTS_HTTP: 'no',
        RDGW_TRANSPORTS_OUT_ENCODING: 'chunked',
        RDGW_TIMEOUTS_KEEP_ALIVE: '45.5',
        RDGW_LOG_KEYLOG: '',
      },
    });
    expect(config.listen).toMatchObject([{ address: { host: '::1', port: 0 } }]);
    expect(config.auth.paa.keys).toEqual([join(folder.cwd, 'a.pem'), '/b.pem']);
    expect(config.targets.allow).toEqual(['10.0.0.0/8', '*.corp.example:3389-3399']);
    expect(config.transports).toEqual({ websocket: true, http: false, outEncoding: 'chunked', pairBy: 'address' });
    expect(config.timeouts.keepAlive).toBe(45.5);
    expect(config.log.keylog).toBeUndefined();
  });

  it('name the variable of an invalid value', async () => {
    await expect(folder.load({ env: { RDGW_TIMEOUTS_DIAL: 'soon' } })).rejects.toMatchObject({
      message: 'must be a number',
      place: 'RDGW_TIMEOUTS_DIAL (timeouts.dial)',
    });
    await expect(folder.load({ env: { RDGW_TRANSPORTS_HTTP: 'maybe' } })).rejects.toHaveProperty(
      'message',
      'must be true or false',
    );
  });

  it('give a fault of kind usage for the value of a flag, else of kind configuration', async () => {
    const flagNames = { listen: '--listen', 'log.level': '--log-level', 'tls.cert': '--cert' };
    const flag = (overrides: Record<string, unknown>) => folder.load({ overrides, flagNames });
    await expect(flag({ listen: '99999' })).rejects.toMatchObject({
      kind: 'usage',
      code: 'CONFIG_INVALID',
      place: '--listen',
    });
    await expect(flag({ 'log.level': 'inf' })).rejects.toMatchObject({
      kind: 'usage',
      place: '--log-level',
      hint: 'did you mean info?',
    });
    await expect(flag({ 'tls.cert': 'a' })).rejects.toMatchObject({
      kind: 'usage',
      code: 'CONFIG_CONFLICT',
      place: '--cert',
    });
    await expect(folder.load({ env: { RDGW_LISTEN: '99999' } })).rejects.toHaveProperty('kind', 'configuration');
    await expect(folder.loadText('listen: 99999')).rejects.toMatchObject({
      kind: 'configuration',
      place: 'rdgw.yaml:1:1 listen',
    });
    const both = folder.load({ env: { RDGW_LISTEN: '99999' }, overrides: { 'log.level': 'debug' }, flagNames });
    await expect(both).rejects.toMatchObject({ kind: 'configuration', place: 'RDGW_LISTEN (listen)' });
  });

  it('reject a mistyped variable, warn about an unknown one, and ignore others', async () => {
    await expect(folder.load({ env: { RDGW_TARGETS_ALOW: '*' } })).rejects.toMatchObject({
      code: 'CONFIG_UNKNOWN_VARIABLE',
      place: 'RDGW_TARGETS_ALOW',
      hint: 'did you mean RDGW_TARGETS_ALLOW?',
    });
    await expect(folder.load({ env: { RDGW_COLOUR: 'red' } })).resolves.toHaveProperty('warnings', [
      'the environment variable RDGW_COLOUR is not a setting and has no effect',
    ]);
    // Kubernetes sets the last three in every pod of a namespace with a service called rdgw.
    const names = ['RDGW_DATA_DIR', 'RDGW_DEBUG', 'RDGW_SERVICE_HOST', 'RDGW_PORT', 'RDGW_PORT_8443_TCP_ADDR'];
    const env = Object.fromEntries(names.map((name) => [name, 'tcp://10.0.0.1']));
    await expect(folder.load({ env })).resolves.toHaveProperty('warnings', []);
  });

  it('resolve relative paths against the folder of the file, and elsewhere against the working directory', async () => {
    folder.write(
      'etc/rdgw.yaml',
      'tls: {cert: cert.pem, key: ../key.pem}\nauth: {module: {path: ./auth.mjs, options: {file: ./x}}}',
    );
    const { config } = await folder.load({
      file: 'etc/rdgw.yaml',
      env: { RDGW_TLS_CA: 'ca.pem' },
      overrides: { 'tls.key': 'k.pem' },
    });
    expect(config.tls).toEqual({
      profile: 'intermediate',
      cert: join(folder.cwd, 'etc/cert.pem'),
      key: join(folder.cwd, 'k.pem'),
      ca: join(folder.cwd, 'ca.pem'),
    });
    expect(config.auth.module).toEqual({ path: join(folder.cwd, 'etc/auth.mjs'), options: { file: './x' } });
    const short = await folder.loadText('auth: {module: auth.mjs}');
    expect(short.config.auth.module).toEqual({ path: join(folder.cwd, 'auth.mjs'), options: {} });
  });
});

describe('listen', () => {
  it.each([
    ['8443', { port: 8443 }],
    ['0', { port: 0 }],
    [':443', { port: 443 }],
    ['"*:443"', { port: 443 }],
    ['127.0.0.1:443', { host: '127.0.0.1', port: 443 }],
    ['"[::]:443"', { host: '::', port: 443 }],
    ['Gateway.Example:443', { host: 'gateway.example', port: 443 }],
  ])('%s', async (text, expected) => {
    await expect(folder.loadText(`listen: ${text}`)).resolves.toHaveProperty('config.listen', [
      { address: expected, tls: 'on', proxyProtocol: 'off' },
    ]);
  });

  const socket = { path: '/run/gw', mode: 0o660 };
  it.each([
    ['unix:/run/gw', [{ address: socket, tls: 'on', proxyProtocol: 'off' }]],
    [
      '{address: 443, tls: off}\ntrustedProxies: [10.0.0.1]',
      [{ address: { port: 443 }, tls: 'off', proxyProtocol: 'off' }],
    ],
    [
      '[8443, {address: "unix:/run/gw", tls: false, proxyProtocol: required, mode: 0600, group: 33, auth: token}]',
      [
        { address: { port: 8443 }, tls: 'on', proxyProtocol: 'off' },
        { address: { path: '/run/gw', mode: 0o600, group: '33' }, tls: 'off', proxyProtocol: 'required' },
      ],
    ],
  ])('has one entry or several: %s', async (text, expected) => {
    await expect(folder.loadText(`listen: ${text}`)).resolves.toHaveProperty('config.listen', expected);
  });

  it.each([
    ['0660', 0o660],
    ['"0660"', 0o660],
    ['"660"', 0o660],
    ['"0o770"', 0o770],
    ['666', 0o666],
  ])('takes the mode of a Unix socket by its digits: %s', async (mode, expected) => {
    const { config } = await folder.loadText(`listen: {address: "unix:/run/gw", mode: ${mode}}`);
    expect(config.listen).toMatchObject([{ address: { mode: expected } }]);
  });

  it.each([
    ['unix:gw', 'rdgw.yaml:1:1 listen', 'must be [HOST:]PORT or unix:PATH with an absolute path, for example 8443'],
    [`unix:/${'x'.repeat(103)}`, 'rdgw.yaml:1:1 listen', expect.stringContaining('must be [HOST:]PORT')],
    ['[]', 'rdgw.yaml:1:1 listen', 'must not be empty'],
    ['[8443, x]', 'rdgw.yaml:1:16 listen[1]', expect.stringContaining('must be [HOST:]PORT')],
    ['{adress: 443}', 'rdgw.yaml:1:10 listen.adress', 'unknown setting'],
    ['{address: 443, tls: maybe}', 'rdgw.yaml:1:24 listen.tls', expect.any(String)],
    ['{address: 443, proxyProtocol: v2}', 'rdgw.yaml:1:24 listen.proxyProtocol', 'must be one of off, required'],
    ['{address: 443, auth: http}', 'rdgw.yaml:1:24 listen.auth', 'must be one of token'],
    ['{address: 443, mode: 0600}', 'rdgw.yaml:1:1 listen', 'has a mode or a group, which only unix:PATH has'],
    [
      '{address: "unix:/a", mode: 0o600}',
      'rdgw.yaml:1:30 listen.mode',
      'must be an octal mode in quotes, such as "0660"',
    ],
    ['{address: "unix:/a", mode: 0066}', 'rdgw.yaml:1:30 listen.mode', expect.stringContaining('octal')],
  ])('refuses %s', async (text, place, message) => {
    await expect(folder.loadText(`listen: ${text}`)).rejects.toMatchObject({ place, message });
  });
});

describe('hostname', () => {
  it.each([
    ['gw.example', { host: 'gw.example' }],
    ['GW.Example:443', { host: 'gw.example', port: 443 }],
    ['"[fd00::1]:443"', { host: 'fd00::1', port: 443 }],
    ['"[fd00::1]"', { host: 'fd00::1' }],
    ['fd00::1', { host: 'fd00::1' }],
    ['192.0.2.1', { host: '192.0.2.1' }],
  ])('is a name or an address, with or without a port: %s', async (text, expected) => {
    await expect(folder.loadText(`hostname: ${text}`)).resolves.toHaveProperty('config.hostname', expected);
  });

  it.each(['gw:0', 'gw:65536', 'gw:x', '"gw:"', '"https://gw"'])('is not %s', async (text) => {
    await expect(folder.loadText(`hostname: ${text}`)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('trustedProxies', () => {
  it('are addresses and CIDR blocks', async () => {
    const { config } = await folder.loadText('trustedProxies: [192.0.2.1, 10.0.0.0/8, "FD00::/8", "::ffff:1.2.3.4"]');
    expect(config.trustedProxies).toEqual(['192.0.2.1', '10.0.0.0/8', 'FD00::/8', '1.2.3.4']);
    await expect(folder.loadText('trustedProxies: [proxy.example]')).rejects.toMatchObject({
      place: 'rdgw.yaml:1:18 trustedProxies[0]',
      message: 'must be an address or a CIDR block',
    });
  });
});

describe('conflicting settings', () => {
  it.each([
    [
      'listen: {address: 1, proxyProtocol: required}',
      'rdgw.yaml:1:1 listen',
      expect.stringContaining('trustedProxies'),
    ],
    ['listen: {address: 1, tls: off}', 'rdgw.yaml:1:1 listen', expect.stringContaining('trustedProxies')],
    ['forwarded: forwarded', 'rdgw.yaml:1:1 forwarded', expect.stringContaining('proxies')],
    ['tls: {cert: a}', 'rdgw.yaml:1:7 tls.cert', 'set tls.key too'],
    ['tls: {key: a}', 'rdgw.yaml:1:7 tls.key', 'set tls.cert too'],
    ['auth: {paa: {mode: static}}', 'rdgw.yaml:1:14 auth.paa.mode', 'set auth.paa.tokensFile'],
    ['auth: {paa: {tokensFile: a}}', 'rdgw.yaml:1:14 auth.paa.tokensFile', 'set auth.paa.mode to static'],
    ['auth: {paa: {mode: any}}', 'rdgw.yaml:1:14 auth.paa.mode', expect.stringContaining('targets.allow')],
    [
      'auth: {paa: {mode: any, keys: [a]}}\ntargets: {allow: ["*"]}',
      'rdgw.yaml:1:25 auth.paa.keys',
      'set auth.paa.mode to signed',
    ],
    [
      'auth: {paa: {jwks: a, mode: static, tokensFile: b}}',
      'rdgw.yaml:1:14 auth.paa.jwks',
      'set auth.paa.mode to signed',
    ],
    ['auth: {paa: {mode: any}, module: a}', 'rdgw.yaml:1:14 auth.paa.mode', expect.stringContaining('remove one')],
    ['transports: {http: false, websocket: false}', 'rdgw.yaml:1:14 transports.http', expect.any(String)],
  ])('%s is rejected', async (text, place, hint) => {
    await expect(folder.loadText(text)).rejects.toMatchObject({ code: 'CONFIG_CONFLICT', place, hint });
  });

  it.each([
    'tls: {cert: a, key: b}',
    'auth: {paa: {mode: any}}\ntargets: {allow: ["*"]}',
    'auth: {paa: {mode: static, tokensFile: a}}',
    'auth: {paa: {keys: [a], jwks: b}}',
    'auth: {module: a}',
  ])('%s is accepted', async (text) => {
    await expect(folder.loadText(text)).resolves.toHaveProperty('file', join(folder.cwd, 'rdgw.yaml'));
  });
});

describe('examples/rdgw.yaml', () => {
  it('is valid', async () => {
    const { config, warnings } = await folder.load({ file: join(process.cwd(), 'examples/rdgw.yaml') });
    expect(config.hostname).toEqual({ host: 'gateway.example.com' });
    expect(config.targets.allow).toHaveLength(3);
    expect(warnings).toEqual([]);
  });
});
