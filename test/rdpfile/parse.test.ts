import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseRdp, RDP_FILE_MAX, settingValue } from '../../src/rdpfile/parse.js';

const TEXT = 'screen mode id:i:2\r\nFull Address:s:büro.example:3390\r\n\r\nusername:s:CORP\\a:b\r\nwinposstr:s:\r\n';
const SETTINGS = [
  { name: 'screen mode id', type: 'i', value: '2' },
  { name: 'Full Address', type: 's', value: 'büro.example:3390' },
  { name: 'username', type: 's', value: 'CORP\\a:b' },
  { name: 'winposstr', type: 's', value: '' },
];

/** Encodes text with the converter of the system, independently of our code. */
function iconv(text: string, encoding: string): Uint8Array {
  return execFileSync('iconv', ['-f', 'UTF-8', '-t', encoding], { input: text });
}

describe('parseRdp', () => {
  it.each([
    ['UTF-16LE with a byte order mark', () => iconv(`\ufeff${TEXT}`, 'UTF-16LE')],
    ['UTF-8', () => iconv(TEXT, 'UTF-8')],
    ['UTF-8 with a byte order mark', () => iconv(`\ufeff${TEXT}`, 'UTF-8')],
    ['Windows-1252', () => iconv(TEXT, 'WINDOWS-1252')],
    ['UTF-8 with the line ends of Unix', () => iconv(TEXT.replaceAll('\r', ''), 'UTF-8')],
  ])('reads %s', (_, bytes) => {
    expect(parseRdp(bytes())).toEqual(SETTINGS);
  });

  it('finds values in any letter case', () => {
    expect(settingValue(parseRdp(iconv(TEXT, 'UTF-8')), 'full address')).toBe('büro.example:3390');
    expect(settingValue([], 'full address')).toBeUndefined();
  });

  it.each([
    ['RDP_FILE_ENCODING', iconv(`\ufeff${TEXT}`, 'UTF-16BE')],
    ['RDP_FILE_ENCODING', new Uint8Array([0xff, 0xfe, 0x61])],
    ['RDP_FILE_SYNTAX', iconv(TEXT, 'UTF-16LE')],
    ['RDP_FILE_SYNTAX', new TextEncoder().encode('full address')],
    ['RDP_FILE_SYNTAX', new TextEncoder().encode('full address:x:a')],
    ['RDP_FILE_SYNTAX', new TextEncoder().encode('full address:s:a\0')],
    ['RDP_FILE_DUPLICATE', new TextEncoder().encode('audiomode:i:1\naudioMode:i:2')],
    ['RDP_FILE_TOO_LARGE', new Uint8Array(RDP_FILE_MAX + 1)],
    ['RDP_FILE_TOO_LARGE', new TextEncoder().encode(Array.from({ length: 513 }, (_, i) => `n${i}:i:1`).join('\n'))],
    ['RDP_FILE_TOO_LARGE', new TextEncoder().encode(`username:s:${'x'.repeat(16_385)}`)],
  ])('throws %s', (code, bytes) => {
    expect(() => parseRdp(bytes)).toThrow(expect.objectContaining({ kind: 'input', code }));
  });

  it('reports the line number, not the value', () => {
    const read = () => parseRdp(new TextEncoder().encode('a:i:1\ngatewayaccesstoken=secret'));
    expect(read).toThrow(expect.objectContaining({ place: 'line 2', message: 'the line is not name:type:value' }));
  });
});
