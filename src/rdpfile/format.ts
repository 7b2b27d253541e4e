import { checkSettings } from './check.js';
import type { RdpSetting } from './settings.js';

/**
 * Formats an .rdp file as mstsc writes it: UTF-16LE with a byte order mark, each line `name:type:value` and CRLF.
 * Throws a `Fault` (`SETTING_INVALID`) like `checkSettings`.
 */
export function formatRdp(settings: readonly RdpSetting[]): Uint8Array {
  return new Uint8Array(Buffer.from(`\ufeff${formatText(settings)}`, 'utf16le'));
}

/** Formats the same lines as text, without the byte order mark. Throws like `formatRdp`. */
export function formatText(settings: readonly RdpSetting[]): string {
  checkSettings(settings);
  return settings.map(({ name, type, value }) => `${name}:${type}:${value}\r\n`).join('');
}

/**
 * Merges `changes` into `base`. A setting with the same name, in any letter case, replaces the one in `base`; the others are
 * appended. A name that occurs twice in `changes` occurs twice in the result, which `checkSettings` rejects.
 */
export function mergeSettings(base: readonly RdpSetting[], changes: readonly RdpSetting[]): readonly RdpSetting[] {
  const left = [...changes];
  const merged = base.map((setting) => {
    const index = left.findIndex(({ name }) => name.toLowerCase() === setting.name.toLowerCase());
    return index === -1 ? setting : (left.splice(index, 1)[0] ?? setting);
  });
  return [...merged, ...left];
}
