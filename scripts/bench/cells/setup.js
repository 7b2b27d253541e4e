// Connections that are opened and left: handshake, upgrade, token, target dialled, channel open, everything closed again.
import { warmUp, watch } from '../window.js';

/** At one time: enough to keep a core busy, far below every limit. */
const PARALLEL = 16;

export function setUps({ resume }) {
  return async (bench, relay) => {
    const { bulk: clients } = bench;
    await clients.elsewhere(relay.far !== undefined);
    await clients.churn(PARALLEL, { ...bench.way(relay, 0), resume });
    await warmUp(relay.pid, bench.options.warmUp);
    const seen = await watch({ pid: relay.pid, clients }, bench.options.seconds);
    await bench.finish(clients);
    return { rate: seen.opened / seen.seconds, cost: seen.cpu / seen.opened / 1000, ...seen.shares };
  };
}
