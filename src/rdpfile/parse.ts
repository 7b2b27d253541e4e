import { Fault } from '../fault.js';
import { NAME_MAX, SETTINGS_MAX, VALUE_MAX } from './check.js';
import type { RdpSetting, SettingType } from './settings.js';

/** In bytes. Files of mstsc have 2 to 10 KiB, with two bytes per character. */
export const RDP_FILE_MAX = 256 * 1024;

/**
 * Parses an .rdp file: UTF-16LE with a byte order mark, as mstsc writes it, else UTF-8, else the ANSI code page (Windows-1252).
 * Unknown names are kept, names keep their letter case, and empty lines are skipped.
 *
 * Throws a `Fault` of kind `input`: `RDP_FILE_ENCODING`, `RDP_FILE_SYNTAX` (`line 3`), `RDP_FILE_DUPLICATE` or
 * `RDP_FILE_TOO_LARGE`. A message never repeats a value.
 */
export function parseRdp(bytes: Uint8Array): readonly RdpSetting[] {
  if (bytes.length > RDP_FILE_MAX) throw refuse('RDP_FILE_TOO_LARGE', 'the file is larger than 256 KiB');
  const settings: RdpSetting[] = [];
  const seen = new Set<string>();
  for (const [index, line] of decode(bytes)
    .split(/\r\n|\r|\n/)
    .entries()) {
    if (line.trim() === '') continue;
    const place = `line ${index + 1}`;
    const setting = parseLine(line, place);
    const name = setting.name.toLowerCase();
    if (seen.has(name)) throw refuse('RDP_FILE_DUPLICATE', `${JSON.stringify(setting.name)} is set twice`, place);
    if (settings.length === SETTINGS_MAX)
      throw refuse('RDP_FILE_TOO_LARGE', `there are more than ${SETTINGS_MAX} settings`);
    seen.add(name);
    settings.push(setting);
  }
  return settings;
}

/** Returns the value of a setting. The letter case of the name does not matter. */
export function settingValue(settings: readonly RdpSetting[], name: string): string | undefined {
  return settings.find((setting) => setting.name.toLowerCase() === name.toLowerCase())?.value;
}

function parseLine(line: string, place: string): RdpSetting {
  const [, name = '', type = '', value = ''] = /^([^:]+):([isb]):(.*)$/is.exec(line) ?? [];
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > NAME_MAX || /\p{Cc}/u.test(line)) {
    throw refuse('RDP_FILE_SYNTAX', 'the line is not name:type:value', place);
  }
  if (value.length > VALUE_MAX)
    throw refuse('RDP_FILE_TOO_LARGE', `a value is longer than ${VALUE_MAX} characters`, place);
  return { name: trimmed, type: type.toLowerCase() as SettingType, value };
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) {
    if (bytes.length % 2 !== 0) throw refuse('RDP_FILE_ENCODING', 'the UTF-16 file has an odd number of bytes');
    return Buffer.from(bytes.subarray(2)).toString('utf16le');
  }
  if (first === 0xfe && second === 0xff) throw refuse('RDP_FILE_ENCODING', 'the file is big-endian UTF-16');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function refuse(code: string, message: string, place?: string): Fault {
  return new Fault({ kind: 'input', code, message, ...(place && { place }) });
}
