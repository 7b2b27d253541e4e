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
    expect(config.listen).toEqual({ host: '::1', port: 0 });
    expect(config.auth.paa.keys).toEqual([join(folder.cwd, 'a.pem'), '/b.pem']);
    expect(config.targets.allow).toEqual(['10.0.0.0/8', '*.corp.example:3389-3399']);
    expect(config.transports).toEqual({ websocket: true, http: false, outEncoding: 'chunked' });
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
    await expect(folder.loadText(`listen: ${text}`)).resolves.toHaveProperty('config.listen', expected);
  });
});

describe('conflicting settings', () => {
  it.each([
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
    expect(config.hostname).toBe('gateway.example.com');
    expect(config.targets.allow).toHaveLength(3);
    expect(warnings).toEqual([]);
  });
});
