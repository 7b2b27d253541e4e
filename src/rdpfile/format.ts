import { checkSettings } from './check.js';
import type { RdpSetting } from './settings.js';

/**
 * An .rdp file in the form mstsc writes: UTF-16LE with a byte order mark, every line `name:type:value` and CRLF.
 * Throws a `Fault` (`SETTING_INVALID`) for what `checkSettings` refuses.
 */
export function formatRdp(settings: readonly RdpSetting[]): Uint8Array {
  return new Uint8Array(Buffer.from(`\ufeff${formatText(settings)}`, 'utf16le'));
}

/** The same as text, without the mark. */
export function formatText(settings: readonly RdpSetting[]): string {
  checkSettings(settings);
  return settings.map(({ name, type, value }) => `${name}:${type}:${value}\r\n`).join('');
}

/**
 * Puts settings over others: one of the same name, in any letter case, takes the place of the earlier one, the rest is added
 * at the end. A name that `changes` holds twice stays twice, and is refused when it is written.
 */
export function mergeSettings(base: readonly RdpSetting[], changes: readonly RdpSetting[]): readonly RdpSetting[] {
  const left = [...changes];
  const merged = base.map((setting) => {
    const index = left.findIndex(({ name }) => name.toLowerCase() === setting.name.toLowerCase());
    return index === -1 ? setting : (left.splice(index, 1)[0] ?? setting);
  });
  return [...merged, ...left];
}
