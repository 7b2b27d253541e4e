// Bulk data: throughput and CPU time per byte.
import { measureWindow, warmUp } from '../window.js';

/** `down` and `up` are numbers of connections, `size` is the size of a client's frame in bytes. */
export function transfer(flows) {
  return async (bench, relay, { first }) => {
    await startFlows(bench, relay, flows, first);
    await warmUp(relay.pid, bench.options.warmUp);
    if (first && !bench.options.quick) await stopVerifying(bench, relay);
    const processes = { pid: relay.pid, clients: bench.bulk, desktop: relay.desktop };
    const measured = await measureWindow(processes, bench.options.seconds);
    await bench.closeSessions(bench.bulk);
    return {
      rate: measured.bytes / measured.seconds / 1e6,
      cost: measured.cpu / measured.bytes,
      ...measured.shares,
    };
  };
}

/** The payload of a PDU towards the client, in the size that Windows sends. */
const PAYLOAD = 16 * 1024;
/**
 * The number of PDUs in a block. It is a prime, so that the size of a block is no multiple of the size of a buffer pool
 * and data of a wrong buffer differs from the expected data.
 */
const PDUS = 61;

/** With `verified` the receivers compare every byte with what was sent. */
export async function startFlows(bench, relay, { down = 0, up = 0, size = 0 }, verified) {
  const { bulk: clients } = bench;
  const route = bench.route(relay, 0);
  await clients.verify(verified);
  await clients.remoteDesktop(relay.desktop !== undefined);
  await relay.desktop?.verify(verified);
  await clients.pinChannels(relay.workers);
  const open = async (role, count, block) => {
    await relay.desktop?.role(role, block);
    await clients.open(role, count, { ...route, block });
  };
  if (down > 0) await open('down', down, bench.block(relay, PAYLOAD, PDUS));
  if (up > 0) await open('up', up, bench.frames(relay, size));
  await clients.pinChannels();
  await relay.desktop?.go();
  await clients.go();
}

/**
 * Ends the comparison before the measured window, whose figures it would change. The first repetition compares every
 * byte during the warm-up. A quick run, whose figures mean little, never calls this and compares until the end.
 */
export async function stopVerifying(bench, relay) {
  for (const load of [bench.bulk, bench.prober, relay.desktop]) {
    await load?.mark();
    await load?.verify(false);
  }
}
