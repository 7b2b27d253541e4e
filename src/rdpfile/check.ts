import { Fault } from '../fault.js';
import { nearest } from '../yaml/nearest.js';
import { knownSetting, type RdpSetting, SETTINGS, type SettingType } from './settings.js';

/** The longest known name has 41 characters. */
export const NAME_MAX = 64;
/** A token of another issuer has up to 4096 characters. A signature with a long certificate chain has more. */
export const VALUE_MAX = 16_384;
/** mstsc writes about fifty. */
export const SETTINGS_MAX = 512;

const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
const TYPES: readonly string[] = ['i', 's', 'b'];
const INT_MAX = 0xffff_ffff;

/**
 * Parses `name:type:value`. The value may contain colons. Throws a `Fault` of kind `usage` (`SETTING_INVALID`). Its message never
 * repeats the value, which may be a token.
 */
export function parseSetting(text: string): RdpSetting {
  const [, name = '', type = '', value = ''] = /^([^:]*):([^:]*):(.*)$/s.exec(text) ?? [];
  if (name === '' || type === '') throw invalid('the setting is not name:type:value', 'write it like audiomode:i:1');
  const setting = { name, type: type.toLowerCase() as SettingType, value };
  checkSetting(setting);
  return setting;
}

/**
 * Rejects a setting that a client would read in another way: line breaks and other control characters, which could inject more
 * settings, a value that does not fit its type, a known name with another type. Throws a `Fault` (`SETTING_INVALID`).
 */
export function checkSetting({ name, type, value }: RdpSetting): void {
  if (name.length > NAME_MAX || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name) || name.includes(':')) {
    throw invalid('the name of a setting must be 1 to 64 printable ASCII characters without a colon');
  }
  const quotedName = JSON.stringify(name);
  if (!TYPES.includes(type)) throw invalid(`the type of ${quotedName} is not i, s or b`);
  const known = knownSetting(name);
  if (known !== undefined && known.type !== type) {
    throw invalid(`${quotedName} has the type ${known.type}, not ${type}`, `write ${name}:${known.type}:…`);
  }
  if (CONTROL.test(value))
    throw invalid(`the value of ${quotedName} contains a line break or another control character`);
  if (value.length > VALUE_MAX) throw invalid(`the value of ${quotedName} is longer than ${VALUE_MAX} characters`);
  if (!value.isWellFormed()) throw invalid(`the value of ${quotedName} is not well-formed Unicode`);
  if (type === 'i' && !isWholeNumber(value))
    throw invalid(`the value of ${quotedName} is not a whole number of 32 bits`);
  if (type === 'b' && !/^(?:[0-9a-fA-F]{2})*$/.test(value))
    throw invalid(`the value of ${quotedName} is not hexadecimal bytes`);
}

/**
 * Checks every setting, their number, and that each name is unique, because clients differ in which of two they use. Throws a
 * `Fault` (`SETTING_INVALID`).
 */
export function checkSettings(settings: readonly RdpSetting[]): void {
  if (settings.length > SETTINGS_MAX) throw invalid(`there are more than ${SETTINGS_MAX} settings`);
  const seen = new Set<string>();
  for (const setting of settings) {
    checkSetting(setting);
    const name = setting.name.toLowerCase();
    if (seen.has(name)) throw invalid(`${JSON.stringify(setting.name)} is set twice`);
    seen.add(name);
  }
}

/** Returns the known name that is close to a mistyped one, or `undefined` if the name is known or none is close. */
export function likelyName(name: string): string | undefined {
  if (knownSetting(name) !== undefined) return undefined;
  return nearest(
    name,
    SETTINGS.map((setting) => setting.name),
  );
}

function isWholeNumber(value: string): boolean {
  return /^-?\d{1,10}$/.test(value) && Number(value) <= INT_MAX && Number(value) >= -0x8000_0000;
}

function invalid(message: string, hint?: string): Fault {
  return new Fault({ kind: 'usage', code: 'SETTING_INVALID', message, ...(hint && { hint }) });
}
