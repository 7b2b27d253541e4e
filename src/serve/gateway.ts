/** Starts the gateway of this process from its settings files, and reloads it in two steps: prepare, then apply. */
import type { SharedState } from '../gateway/cluster/shared-state.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import type { Log } from '../gateway/report/log.js';
import { openKeylog } from './keylog.js';
import { makeRuntimeSettings, type SettingsFiles } from './settings-files.js';

/** Validated runtime settings that are not in use yet. The caller calls either `apply` or `discard`, once. */
export interface PreparedSettings {
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
  /** If it throws, the former settings stay in use. */
  apply(): Promise<void>;
  discard(): Promise<void>;
}

export interface GatewayStart {
  readonly log: Log;
  /** Whether this process logs the warnings of the start. Only one of several workers does. */
  readonly logsWarnings?: boolean;
  readonly sharedState?: SharedState;
}

export interface OpenedGateway {
  readonly gateway: Gateway;
  /** Opens the log files of this process anew. The log itself goes to stderr, which has no path. */
  readonly reopenLogs: () => void;
}

/**
 * Starts to listen, and logs the warnings of the settings. Throws a `Fault` for everything that an operator can fix.
 */
export async function openGateway(
  files: SettingsFiles,
  { log, logsWarnings = true, sharedState }: GatewayStart,
): Promise<OpenedGateway> {
  const { settings, warnings } = await makeRuntimeSettings(files);
  if (logsWarnings) for (const warning of warnings) log.event('configuration.warning', { warning });
  const { keylog: path } = files.config.log;
  const keylog = path === undefined ? undefined : openKeylog(path, log, logsWarnings);
  const gateway = await startGateway({ ...settings, log, keylog: keylog?.write, sharedState });
  return { gateway, reopenLogs: () => keylog?.reopen() };
}

/** Validates the settings without changing the gateway. Throws a `Fault` for settings that cannot be used. */
export async function prepareRuntimeSettings(gateway: Gateway, files: SettingsFiles): Promise<PreparedSettings> {
  const { settings, warnings } = await makeRuntimeSettings(files);
  const discard = (): Promise<void> => settings.guard.close();
  return {
    warnings,
    async apply() {
      try {
        gateway.reload(settings);
      } catch (error) {
        await discard();
        throw error;
      }
    },
    discard,
  };
}
