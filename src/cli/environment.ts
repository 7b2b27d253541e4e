import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where TLS libraries and browsers write their secrets, when somebody has asked them to. */
export function sslKeyLogFile(): string | undefined {
  return process.env.SSLKEYLOGFILE || undefined;
}

export interface ServiceManager {
  /** How long it waits for a sign of life before it restarts us; undefined when it does not. */
  readonly watchdogMs: number | undefined;
}

/** The service manager that has started this process and wants to hear from it (sd_notify, sd_watchdog_enabled). */
export function serviceManager(): ServiceManager | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  if (!NOTIFY_SOCKET) return undefined;
  const microseconds = Number(WATCHDOG_USEC);
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return { watchdogMs: isOurs && microseconds > 0 ? microseconds / 1000 : undefined };
}

/** Where programs keep the data of this user on this system when nobody has said otherwise. */
export function localDataFolder(): string {
  return (process.platform === 'win32' && process.env.LOCALAPPDATA) || join(homedir(), '.local', 'share');
}
