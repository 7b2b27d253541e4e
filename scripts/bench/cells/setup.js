// Session set-up: TLS handshake, upgrade, PAA cookie, connection to the target, open channel, close.
import { setTimeout as sleep } from 'node:timers/promises';
import { measureWindow, warmUp } from '../window.js';

/** Concurrent set-ups: enough to keep a core busy, far below every limit. */
const PARALLEL = 16;
/** Factor of the usual warm-up: code that runs once in a session is compiled only after some thousand sessions. */
const WARM_UP_FACTOR = 8;

export function setUps({ resume }) {
  return async (bench, relay, { first }) => {
    const { bulk: clients } = bench;
    await clients.remoteDesktop(relay.desktop !== undefined);
    if (resume) await fetchTicket(bench, relay);
    await clients.churn(PARALLEL, { ...bench.route(relay, 0), resume });
    await warmUp(relay.pid, bench.options.warmUp * (first ? WARM_UP_FACTOR : 1));
    const measured = await measureWindow({ pid: relay.pid, clients }, bench.options.seconds);
    await bench.closeSessions(clients);
    return {
      rate: measured.opened / measured.seconds,
      cost: measured.cpu / measured.opened / 1000,
      resumed: measured.resumed / measured.opened,
      ...measured.shares,
    };
  };
}

/** TLS 1.3 sends tickets after the handshake, so one session stays open until it has one. */
async function fetchTicket(bench, relay) {
  await relay.desktop?.role('idle');
  await bench.bulk.open('idle', 1, bench.route(relay, 0));
  await sleep(bench.options.settle * 1000);
  await bench.closeSessions(bench.bulk);
}
