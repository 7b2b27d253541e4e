// Round trips of 64 bytes, one after the other, like mouse input.
import { measureWindowAndLoop } from '../loop.js';
import { measureWindow, warmUp } from '../window.js';
import { startFlows, stopVerifying } from './transfer.js';

const PAYLOAD = 64;

export async function echo(bench, relay, { first }) {
  const measured = await roundTrips(bench, relay, first);
  return { ...measured.latency, cost: measured.cpu / measured.trips / 1000 };
}

/** Round trips while other sessions of the same relay transfer bulk data. */
export function echoUnderLoad(flows) {
  return async (bench, relay, { first }) => {
    await startFlows(bench, relay, flows, first);
    const measured = await roundTrips(bench, relay, first, measureWindowAndLoop);
    await bench.closeSessions(bench.bulk);
    return { ...measured.latency, loop: measured.loop };
  };
}

async function roundTrips(bench, relay, first, measure = measureWindow) {
  const { prober: clients } = bench;
  const block = bench.block(relay, PAYLOAD, 1);
  await clients.verify(first);
  await clients.remoteDesktop(relay.desktop !== undefined);
  await relay.desktop?.role('echo', block);
  await clients.open('echo', 1, { ...bench.route(relay, 1), block });
  await clients.go();
  await warmUp(relay.pid, bench.options.warmUp);
  if (first && !bench.options.quick) await stopVerifying(bench, relay);
  const measured = await measure({ relay, pid: relay.pid, clients }, bench.options.seconds);
  await bench.closeSessions(clients);
  return measured;
}
