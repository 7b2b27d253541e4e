import { homedir } from 'node:os';
import { join } from 'node:path';

/** The file named by SSLKEYLOGFILE, to which TLS libraries and browsers write their secrets. */
export function sslKeyLogFile(): string | undefined {
  return process.env.SSLKEYLOGFILE || undefined;
}

export interface ServiceManager {
  /** Watchdog timeout: it restarts this process after so long without a notification. Undefined without a watchdog. */
  readonly watchdogMs: number | undefined;
}

/** The service manager that started this process and expects notifications (sd_notify, sd_watchdog_enabled). */
export function serviceManager(): ServiceManager | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = process.env;
  if (!NOTIFY_SOCKET) return undefined;
  const microseconds = Number(WATCHDOG_USEC);
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  return { watchdogMs: isOurs && microseconds > 0 ? microseconds / 1000 : undefined };
}

/** The default parent folder of application data of this user on this system. */
export function localDataFolder(): string {
  return (process.platform === 'win32' && process.env.LOCALAPPDATA) || join(homedir(), '.local', 'share');
}
