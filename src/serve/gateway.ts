/** The gateway of this process, by what was read: started, and given other terms in two steps. */
import type { SharedState } from '../gateway/cluster/shared-state.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import type { Log } from '../gateway/report/log.js';
import { openKeylog } from './keylog.js';
import { makeRuntimeSettings, type SettingsFiles } from './runtime-settings.js';

/** Other terms, ready to be taken: what can fail is behind them. One of both is called, once. */
export interface Prepared {
  /** What the operator should hear, one sentence each. */
  readonly warnings: readonly string[];
  /** Throws with everything as it was. */
  take(): Promise<void>;
  drop(): Promise<void>;
}

export interface GatewayStart {
  readonly log: Log;
  /** Whether it says what is to be said at a start: of several processes one is enough. */
  readonly announces?: boolean;
  readonly sharedState?: SharedState;
}

/** Starts to listen, and warns of what was read. Throws a `Fault` for everything that a person can put right. */
export async function openGateway(
  reading: SettingsFiles,
  { log, announces = true, sharedState }: GatewayStart,
): Promise<Gateway> {
  const { settings, warnings } = await makeRuntimeSettings(reading);
  if (announces) for (const warning of warnings) log.warn(warning);
  const { keylog } = reading.config.log;
  const write = keylog === undefined ? undefined : openKeylog(keylog, log, announces).write;
  return startGateway({ ...settings, log, keylog: write, sharedState });
}

/** Makes terms of what was read, and leaves the gateway as it is. Throws a `Fault` for what cannot be used. */
export async function prepareRuntimeSettings(gateway: Gateway, reading: SettingsFiles): Promise<Prepared> {
  const { settings, warnings } = await makeRuntimeSettings(reading);
  const drop = (): Promise<void> => settings.guard.close();
  return {
    warnings,
    async take() {
      try {
        gateway.reload(settings);
      } catch (error) {
        await drop();
        throw error;
      }
    },
    drop,
  };
}
