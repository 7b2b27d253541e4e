// Connections that are opened and left: handshake, upgrade, token, target dialled, channel open, everything closed again.
import { setTimeout as sleep } from 'node:timers/promises';
import { warmUp, watch } from '../window.js';

/** At one time: enough to keep a core busy, far below every limit. */
const PARALLEL = 16;
/** Times the usual warm-up: what runs once in a session is compiled after some thousand sessions. */
const UNTIL_COMPILED = 8;

export function setUps({ resume }) {
  return async (bench, relay, { first }) => {
    const { bulk: clients } = bench;
    await clients.elsewhere(relay.far !== undefined);
    if (resume) await fetchTicket(bench, relay);
    await clients.churn(PARALLEL, { ...bench.way(relay, 0), resume });
    await warmUp(relay.pid, bench.options.warmUp * (first ? UNTIL_COMPILED : 1));
    const seen = await watch({ pid: relay.pid, clients }, bench.options.seconds);
    await bench.finish(clients);
    return {
      rate: seen.opened / seen.seconds,
      cost: seen.cpu / seen.opened / 1000,
      resumed: seen.resumed / seen.opened,
      ...seen.shares,
    };
  };
}

/** Tickets of TLS 1.3 come behind the handshake: one session stays long enough to get one. */
async function fetchTicket(bench, relay) {
  await relay.far?.role('idle');
  await bench.bulk.open('idle', 1, bench.way(relay, 0));
  await sleep(bench.options.settle * 1000);
  await bench.finish(bench.bulk);
}
