// Round trips of 64 bytes, one after the other: the mouse.
import { watchLoop } from '../loop.js';
import { warmUp, watch } from '../window.js';
import { startFlows, stopVerifying } from './transfer.js';

const PAYLOAD = 64;

export async function echo(bench, relay, { first }) {
  const seen = await roundTrips(bench, relay, first);
  return { ...seen.latency, cost: seen.cpu / seen.trips / 1000 };
}

/** The same while others move bulk data in the same relay. */
export function echoBeside(flows) {
  return async (bench, relay, { first }) => {
    await startFlows(bench, relay, flows, first);
    const seen = await roundTrips(bench, relay, first, watchLoop);
    await bench.finish(bench.bulk);
    return { ...seen.latency, loop: seen.loop };
  };
}

async function roundTrips(bench, relay, first, look = watch) {
  const { prober: clients } = bench;
  const block = bench.block(relay, PAYLOAD, 1);
  await clients.verify(first);
  await clients.elsewhere(relay.far !== undefined);
  await relay.far?.role('echo', block);
  await clients.open('echo', 1, { ...bench.way(relay, 1), block });
  await clients.go();
  await warmUp(relay.pid, bench.options.warmUp);
  if (first && !bench.options.quick) await stopVerifying(bench, relay);
  const seen = await look({ relay, pid: relay.pid, clients }, bench.options.seconds);
  await bench.finish(clients);
  return seen;
}
