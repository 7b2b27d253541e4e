import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoadOptions } from '../../src/config/index.js';
import { configFolder } from './config-folder.js';

const folder = configFolder();

describe('defaults', () => {
  it('do not need a file', async () => {
    const { config, file, sources, warnings } = await folder.load();
    expect(file).toBeUndefined();
    expect(sources.size).toBe(0);
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      listen: [{ address: { port: 8443 }, tls: 'on', proxyProtocol: 'off' }],
      trustedProxies: [],
      forwarded: 'none',
      workers: 1,
      tls: { profile: 'intermediate' },
      auth: { paa: { mode: 'signed', keys: [] }, whenRevoked: 'keep' },
      targets: { allow: [] },
      transports: { websocket: true, http: true, outEncoding: 'identity', pairBy: 'address' },
      limits: {
        headBytes: 65536,
        headFields: 100,
        handshakes: 1024,
        handshakesPerAddress: 512,
        handshakeRate: 400,
        handshakeRatePerAddress: 200,
        connections: 24_000,
        connectionsPerAddress: 4096,
        loopDelay: 200,
        tunnels: 10000,
        tunnelsPerUser: 100,
      },
      timeouts: {
        tls: 10,
        head: 10,
        pairing: 30,
        identity: 15,
        setup: 180,
        stall: 120,
        dial: 10,
        decision: 10,
        keepAlive: 30,
        close: 5,
        drain: 30,
      },
      metrics: {},
      log: { level: 'info', format: 'text' },
    });
  });

  it('apply to an empty file and to sections that contain only comments', async () => {
    const { config } = await folder.load();
    for (const text of ['', '# comment\n', 'tls:\n  # cert: a\nauth:\n  paa:\n', 'timeouts:\n  dial:\n']) {
      await expect(folder.loadText(text)).resolves.toHaveProperty('config', config);
    }
  });
});

describe('the configuration file', () => {
  it('is searched for in this order: flag, RDGW_CONFIG, working directory, configuration folder of the user', async () => {
    const listen = async (options: LoadOptions = {}) =>
      (await folder.load(options)).config.listen.map(({ address }) => ('port' in address ? address.port : 0))[0];
    folder.write('home/.config/rdgw/rdgw.yaml', 'listen: 1');
    await expect(listen()).resolves.toBe(1);
    folder.write('xdg/rdgw/rdgw.yaml', 'listen: 2');
    const env = { XDG_CONFIG_HOME: join(folder.cwd, 'xdg') };
    await expect(listen({ env })).resolves.toBe(2);
    folder.write('rdgw.yaml', 'listen: 3');
    await expect(listen({ env })).resolves.toBe(3);
    folder.write('other.yaml', 'listen: 4');
    await expect(listen({ env: { ...env, RDGW_CONFIG: 'other.yaml' } })).resolves.toBe(4);
    folder.write('flag.yaml', 'listen: 5');
    await expect(listen({ env: { ...env, RDGW_CONFIG: 'other.yaml' }, file: 'flag.yaml' })).resolves.toBe(5);
    await expect(listen({ env: { RDGW_CONFIG: '' } })).resolves.toBe(3);
  });

  it('must exist if its path is given', async () => {
    await expect(folder.load({ file: 'none.yaml' })).rejects.toMatchObject({
      kind: 'configuration',
      code: 'CONFIG_MISSING',
      place: join(folder.cwd, 'none.yaml'),
    });
    await expect(folder.load({ file: '.' })).rejects.toHaveProperty('code', 'CONFIG_UNREADABLE');
  });

  it('may be JSON, with tabs', async () => {
    folder.write('rdgw.json', '{\n\t"listen": "127.0.0.1:9000",\n\t"timeouts": {\n\t\t"dial": 2.5\n\t}\n}');
    const { config } = await folder.load({ file: 'rdgw.json' });
    expect(config.listen).toMatchObject([{ address: { host: '127.0.0.1', port: 9000 } }]);
    expect(config.timeouts.dial).toBe(2.5);
  });

  it('has a size limit', async () => {
    folder.write('large.yaml', `# ${'x'.repeat(1024 * 1024)}`);
    await expect(folder.load({ file: 'large.yaml' })).rejects.toHaveProperty('code', 'CONFIG_TOO_LARGE');
  });

  it.each([
    ['listen: 1\nlisten: 2', 'rdgw.yaml:2:1', 'the key is a duplicate'],
    ['- 1', 'rdgw.yaml:1:1', 'the top level is not a mapping of settings'],
  ])('rejects broken YAML with its location: %j', async (text, place, message) => {
    await expect(folder.loadText(text)).rejects.toMatchObject({
      kind: 'configuration',
      code: 'CONFIG_SYNTAX',
      place,
      message,
      hint: 'the file must be YAML or JSON',
    });
  });
});

describe('problems have a location and a hint', () => {
  it.each([
    [
      'timeouts:\n  tls: 3\n  dail: 3',
      'CONFIG_UNKNOWN_KEY',
      'rdgw.yaml:3:3 timeouts.dail',
      'did you mean timeouts.dial?',
    ],
    ['listn: 1', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:1:1 listn', 'did you mean listen?'],
    ['cert: a.pem', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:1:1 cert', 'did you mean tls.cert?'],
    ['auth:\n  paa: {Mode: any}', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:2:9 auth.paa.Mode', 'did you mean auth.paa.mode?'],
    [
      'auth: {module: {pth: x}}',
      'CONFIG_UNKNOWN_KEY',
      'rdgw.yaml:1:17 auth.module.pth',
      'did you mean auth.module.path?',
    ],
    ['listen: {adress: 8443}', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:1:10 listen.adress', 'did you mean listen.address?'],
    ['listen: [1, {tsl: off}]', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:1:14 listen[1].tsl', 'did you mean listen.tls?'],
    [
      'listen: {port: 8443}',
      'CONFIG_UNKNOWN_KEY',
      'rdgw.yaml:1:10 listen.port',
      'known here: address, tls, proxyProtocol, mode, group',
    ],
    [
      '__proto__: {listen: 1}',
      'CONFIG_UNKNOWN_KEY',
      'rdgw.yaml:1:1 __proto__',
      expect.stringContaining('known here: listen,'),
    ],
    ['constructor: 1', 'CONFIG_UNKNOWN_KEY', 'rdgw.yaml:1:1 constructor', expect.any(String)],
    ['auth: {paa: {mode: sgned}}', 'CONFIG_INVALID', 'rdgw.yaml:1:14 auth.paa.mode', 'did you mean signed?'],
    [
      'timeouts: {dial: 1000}',
      'CONFIG_INVALID',
      'rdgw.yaml:1:12 timeouts.dial',
      expect.stringContaining('clients wait'),
    ],
    [
      'targets:\n  allow:\n    - a.example\n    - 10.0.0.1/8',
      'CONFIG_INVALID',
      'rdgw.yaml:4:7 targets.allow[1]',
      undefined,
    ],
    ['limits: 3', 'CONFIG_INVALID', 'rdgw.yaml:1:1 limits', undefined],
  ])('%#: %s', async (text, code, place, hint) => {
    await expect(folder.loadText(text)).rejects.toMatchObject({ kind: 'configuration', code, place, hint });
  });

  it.each([
    ['timeouts: {dial: 1000}', 'must be at most 90 s'],
    ['timeouts: {keepAlive: 1}', 'must be at least 5 s'],
    ['timeouts: {dial: "10"}', 'must be a number'],
    ['timeouts: {dial: .nan}', 'must be a number'],
    ['limits: {headFields: 10.5}', 'must be a whole number'],
    ['transports: {http: "no"}', 'must be true or false'],
    ['targets: {allow: 10.0.0.0/8}', 'must be a list'],
    ['targets: {allow: [10.0.0.1/8]}', '"10.0.0.1/8" has bits set beyond its prefix; write 10.0.0.0/8'],
    ['log: {level: loud}', 'must be one of debug, info, warn, error'],
    ['listen: 65536', 'must be [HOST:]PORT or unix:PATH with an absolute path, for example 8443'],
    ['listen: "::1:8443"', 'must be [HOST:]PORT or unix:PATH with an absolute path, for example 8443'],
    ['listen: true', 'has the wrong form'],
    ['workers: 0', 'must be auto or 1 to 256'],
    ['workers: 257', 'must be auto or 1 to 256'],
    ['workers: 1.5', 'must be auto or 1 to 256'],
    ['workers: all', 'must be auto or 1 to 256'],
    ['hostname: a b', '"a b" contains a space or a control character'],
    ['tls: {cert: "", key: a}', 'must not be empty'],
  ])('%s: %s', async (text, message) => {
    await expect(folder.loadText(text)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
  });

  it('never repeats a value that may be a secret', async () => {
    const text = 'auth: {module: {path: [hunter2], options: {password: hunter2}}}\ntimeouts: {dial: hunter2}';
    const error: Error = await folder.loadText(text).then(
      () => expect.unreachable(),
      (cause) => cause,
    );
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain('hunter2');
  });
});
