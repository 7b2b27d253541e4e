/** The gateway of this process, by what was read: started, and given other terms in two steps. */
import type { Commons } from '../gateway/cluster/shared-state.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import type { Log } from '../gateway/report/log.js';
import { openKeylog } from './keylog.js';
import { makeTerms, type Reading } from './runtime-settings.js';

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
  readonly commons?: Commons;
}

/** Starts to listen, and warns of what was read. Throws a `Fault` for everything that a person can put right. */
export async function openGateway(
  reading: Reading,
  { log, announces = true, commons }: GatewayStart,
): Promise<Gateway> {
  const { terms, warnings } = await makeTerms(reading);
  if (announces) for (const warning of warnings) log.warn(warning);
  const { keylog } = reading.config.log;
  const write = keylog === undefined ? undefined : openKeylog(keylog, log, announces).write;
  return startGateway({ ...terms, log, keylog: write, commons });
}

/** Makes terms of what was read, and leaves the gateway as it is. Throws a `Fault` for what cannot be used. */
export async function prepareTerms(gateway: Gateway, reading: Reading): Promise<Prepared> {
  const { terms, warnings } = await makeTerms(reading);
  const drop = (): Promise<void> => terms.guard.close();
  return {
    warnings,
    async take() {
      try {
        gateway.reload(terms);
      } catch (error) {
        await drop();
        throw error;
      }
    },
    drop,
  };
}
