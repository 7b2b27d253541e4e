import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where TLS libraries and browsers write their secrets, when somebody has asked them to. */
export function sslKeyLogFile(): string | undefined {
  return process.env.SSLKEYLOGFILE || undefined;
}

/** Where programs keep the data of this user on this system when nobody has said otherwise. */
export function localDataFolder(): string {
  return (process.platform === 'win32' && process.env.LOCALAPPDATA) || join(homedir(), '.local', 'share');
}
