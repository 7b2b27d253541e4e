// Bulk data: what a byte costs.
import { warmUp, watch } from '../window.js';

/** `down` and `up` are connections, `size` is that of a client's frame. */
export function transfer(flows) {
  return async (bench, relay, { first }) => {
    await startFlows(bench, relay, flows, first);
    await warmUp(relay.pid, bench.options.warmUp);
    if (first && !bench.options.quick) await stopVerifying(bench, relay);
    const seen = await watch({ pid: relay.pid, clients: bench.bulk, desktop: relay.far }, bench.options.seconds);
    await bench.finish(bench.bulk);
    return { rate: seen.bytes / seen.seconds / 1e6, cost: seen.cpu / seen.bytes, ...seen.shares };
  };
}

/** Sources of a desktop send as much as a socket takes, of PDUs that Windows would make of it. */
const PAYLOAD = 16 * 1024;
/** A prime: no pool of buffers has the size of a block, and bytes of the wrong buffer are wrong bytes. */
const PDUS = 61;

/** With `verified` every byte is compared where it arrives. */
export async function startFlows(bench, relay, { down = 0, up = 0, size = 0 }, verified) {
  const { bulk: clients } = bench;
  const way = bench.way(relay, 0);
  await clients.verify(verified);
  await clients.elsewhere(relay.far !== undefined);
  await relay.far?.verify(verified);
  await clients.land(relay.landing);
  const open = async (role, count, block) => {
    await relay.far?.role(role, block);
    await clients.open(role, count, { ...way, block });
  };
  if (down > 0) await open('down', down, bench.block(relay, PAYLOAD, PDUS));
  if (up > 0) await open('up', up, bench.frames(relay, size));
  await clients.land();
  await relay.far?.go();
  await clients.go();
}

/**
 * The first time around every byte is compared while the relay warms up; the look itself is undisturbed by it. A quick run, whose
 * figures mean little, compares all the way.
 */
export async function stopVerifying(bench, relay) {
  for (const load of [bench.bulk, bench.prober, relay.far]) {
    await load?.mark();
    await load?.verify(false);
  }
}
