import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/fault.js';
import { likelyName, parseSetting } from '../../src/rdpfile/check.js';
import { connectionFileName, connectionSettings, sameTarget } from '../../src/rdpfile/connection.js';
import { formatRdp, formatText, mergeSettings } from '../../src/rdpfile/format.js';
import { parseRdp, settingValue } from '../../src/rdpfile/parse.js';
import { knownSetting, type RdpSetting, SETTINGS } from '../../src/rdpfile/settings.js';

const INVALID = expect.objectContaining({ code: 'SETTING_INVALID', kind: 'usage' });

describe('formatRdp', () => {
  it('writes the bytes that mstsc writes: byte order mark, UTF-16LE, CRLF', () => {
    const bytes = formatRdp([
      { name: 'full address', type: 's', value: 'a' },
      { name: 'server port', type: 'i', value: '3389' },
    ]);
    const text = 'full address:s:a\r\nserver port:i:3389\r\n';
    const expected = [0xff, 0xfe, ...[...text].flatMap((character) => [character.charCodeAt(0), 0])];
    expect([...bytes]).toEqual(expected);
  });

  it.each<[string, RdpSetting]>([
    ['a line feed', { name: 'username', type: 's', value: 'x\ngatewayusagemethod:i:0' }],
    ['a carriage return', { name: 'username', type: 's', value: 'x\rgatewayusagemethod:i:0' }],
    ['a NUL', { name: 'username', type: 's', value: 'x\0' }],
    ['a C1 control', { name: 'username', type: 's', value: 'x\u0085y' }],
    ['a line separator', { name: 'username', type: 's', value: 'x\u2028y' }],
    ['half a surrogate pair', { name: 'username', type: 's', value: 'x\ud800' }],
    ['a line break in the name', { name: 'user\r\nname', type: 's', value: 'x' }],
    ['a colon in the name', { name: 'user:s', type: 's', value: 'x' }],
    ['no name', { name: '', type: 's', value: 'x' }],
    ['text for a number', { name: 'audiomode', type: 'i', value: 'two' }],
    ['a number beyond 32 bits', { name: 'audiomode', type: 'i', value: '4294967296' }],
    ['half a byte', { name: 'password 51', type: 'b', value: 'abc' }],
    ['a value that is too long', { name: 'username', type: 's', value: 'x'.repeat(16_385) }],
    ['a known name with another type', { name: 'Server Port', type: 's', value: '3389' }],
    ['an unknown type', { name: 'username', type: 'x' as 's', value: 'x' }],
  ])('rejects %s', (_, setting) => {
    expect(() => formatRdp([setting])).toThrow(INVALID);
  });

  it('rejects the same name twice, in any letter case', () => {
    const one: RdpSetting = { name: 'audiomode', type: 'i', value: '1' };
    expect(() => formatRdp([one, { ...one, name: 'AudioMode' }])).toThrow(/set twice/);
  });

  it('never repeats the value that it rejects', () => {
    for (const value of ['secret\n', 'secret\0', `secret${'x'.repeat(20_000)}`]) {
      const refusal = (() => {
        try {
          return formatRdp([{ name: 'gatewayaccesstoken', type: 's', value }]);
        } catch (error) {
          return (error as Fault).message;
        }
      })();
      expect(refusal).not.toContain('secret');
    }
  });

  it('parses to the same settings, or rejects them, for any text', () => {
    const setting = fc.record({
      name: fc.string({ unit: 'binary', maxLength: 20 }),
      type: fc.constantFrom('i', 's', 'b') as fc.Arbitrary<'i' | 's' | 'b'>,
      value: fc.string({ unit: 'binary', maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 5 }), (settings) => {
        let bytes: Uint8Array;
        try {
          bytes = formatRdp(settings);
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
          return;
        }
        expect(parseRdp(bytes)).toEqual(settings);
        expect(parseRdp(new TextEncoder().encode(formatText(settings)))).toEqual(settings);
      }),
    );
  });
});

describe('parseSetting', () => {
  it('splits at the first two colons', () => {
    expect(parseSetting('gatewayhostname:s:[fd00::1]:8443')).toEqual({
      name: 'gatewayhostname',
      type: 's',
      value: '[fd00::1]:8443',
    });
    expect(parseSetting('drivestoredirect:S:')).toEqual({ name: 'drivestoredirect', type: 's', value: '' });
  });
  it.each(['', 'audiomode', 'audiomode:1', ':i:1', 'audiomode::1', 'audiomode:x:1', 'a:s:b\r\nc:s:d', 'audiomode:s:1'])(
    'rejects %j',
    (text) => {
      expect(() => parseSetting(text)).toThrow(INVALID);
    },
  );
  it('suggests a known name for a mistyped one', () => {
    expect(likelyName('audiomod')).toBe('audiomode');
    expect(likelyName('Full Address')).toBeUndefined();
    expect(likelyName('something else entirely')).toBeUndefined();
  });
});

describe('the settings table', () => {
  it('has each name once, in lower case, in a form that formatRdp accepts', () => {
    expect(new Set(SETTINGS.map(({ name }) => name)).size).toBe(SETTINGS.length);
    for (const { name, type } of SETTINGS) {
      expect(name).toBe(name.toLowerCase());
      expect(() => formatRdp([{ name, type, value: type === 's' ? 'x' : '00' }])).not.toThrow();
    }
    expect(knownSetting('GatewayHostname')?.type).toBe('s');
  });
});

describe('connectionSettings', () => {
  const lines = (host: string, port: number, gateway = { host: 'gw.example', port: 8443 }): string[] =>
    formatText(connectionSettings({ host, port }, gateway, 'abc.def.ghi'))
      .split('\r\n')
      .slice(0, -1);

  it('makes the client connect through the gateway', () => {
    expect(lines('192.168.0.101', 3389)).toEqual([
      'full address:s:192.168.0.101',
      'server port:i:3389',
      'gatewayhostname:s:gw.example:8443',
      'gatewayusagemethod:i:1',
      'gatewayprofileusagemethod:i:1',
      'gatewaycredentialssource:i:5',
      'gatewayaccesstoken:s:abc.def.ghi',
    ]);
  });
  it('omits default ports, except after an IPv6 address, which FreeRDP would cut at its last colon', () => {
    expect(lines('desk', 33891, { host: 'gw', port: 443 }).slice(0, 3)).toEqual([
      'full address:s:desk:33891',
      'server port:i:33891',
      'gatewayhostname:s:gw',
    ]);
    expect(lines('fd00::1', 3389, { host: '::1', port: 8443 }).slice(0, 3)).toEqual([
      'full address:s:[fd00::1]:3389',
      'server port:i:3389',
      'gatewayhostname:s:[::1]:8443',
    ]);
    expect(lines('desk', 3389, { host: '::1', port: 443 })[2]).toBe('gatewayhostname:s:[::1]:443');
  });

  it('names its file after the target', () => {
    expect(connectionFileName({ host: '192.168.0.101', port: 3389 })).toBe('192.168.0.101.rdp');
    expect(connectionFileName({ host: '127.0.0.1', port: 33891 })).toBe('127.0.0.1-33891.rdp');
    expect(connectionFileName({ host: 'fd00::1', port: 3389 })).toBe('fd00__1.rdp');
    expect(connectionFileName({ host: `${'a.'.repeat(126)}b`, port: 65535 }).length).toBeLessThan(255);
  });

  it('detects a file for the same target', () => {
    const settingsOf = (host: string, port: number) =>
      connectionSettings({ host, port }, { host: 'gw', port: 443 }, 'x');
    expect(sameTarget(settingsOf('desk', 3389), settingsOf('desk', 3389))).toBe(true);
    expect(sameTarget(settingsOf('desk', 3389), settingsOf('desk', 3390))).toBe(false);
    expect(sameTarget(settingsOf('desk', 3389), settingsOf('disk', 3389))).toBe(false);
    expect(sameTarget([{ name: 'Full Address', type: 's', value: 'DESK' }], settingsOf('desk', 3389))).toBe(true);
    expect(sameTarget([], [])).toBe(false);
  });

  it.each([
    ['full address:s:desk:3389', true],
    ['full address:s:DESK.:3389|server port:i:3389', true],
    ['full address:s:desk|server port:i:3390', false],
    // Clients differ in which of two ports or addresses they use.
    ['full address:s:desk:3390|server port:i:3389', false],
    ['full address:s:desk:3389|server port:i:3390', false],
    ['full address:s:desk|alternate full address:s:other', false],
    ['full address:s:desk|alternate full address:s:desk:3389', true],
    ['full address:s:desk|server port:i:x', false],
    ['full address:s:desk x', false],
    ['full address:s:', false],
    ['alternate full address:s:desk', true],
  ])('%s opens desk:3389: %s', (text, expected) => {
    const settings = parseRdp(Buffer.from(text.replaceAll('|', '\n')));
    expect(sameTarget(settings, connectionSettings({ host: 'desk', port: 3389 }, { host: 'gw', port: 443 }, 't'))).toBe(
      expected,
    );
  });

  it('is changed by other settings, which replace or append', () => {
    const changed = mergeSettings(connectionSettings({ host: 'a', port: 3389 }, { host: 'g', port: 443 }, 't'), [
      { name: 'GatewayUsageMethod', type: 'i', value: '2' },
      { name: 'audiomode', type: 'i', value: '1' },
    ]);
    expect(changed).toHaveLength(8);
    expect(changed[3]).toEqual({ name: 'GatewayUsageMethod', type: 'i', value: '2' });
    expect(settingValue(changed, 'AUDIOMODE')).toBe('1');
    expect(() => formatRdp(mergeSettings(changed, [changed[3], changed[3]] as RdpSetting[]))).toThrow(/set twice/);
  });
});
