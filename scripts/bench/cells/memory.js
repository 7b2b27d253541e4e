// Resident memory of an idle session: after set-up, after light traffic, after bulk traffic.
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from '../cpu.js';
import { warmUp } from '../window.js';

/** A round trip sends four PDUs each way: 4 KiB and 60 KiB in all. */
const LIGHT = { payload: 1024, count: 4 };
const BULK = { payload: 15 * 1024, count: 4 };
const TRIPS = 3;
/**
 * Descriptors for each session: those of client and desktop in the generator, or the two in a relay.
 * `OTHER_DESCRIPTORS` are for everything else in the process.
 */
const SESSION_DESCRIPTORS = 2;
const OTHER_DESCRIPTORS = 200;

/** Each repetition starts a new relay, because freed memory of earlier sessions would be reused. */
export function idle(sessions) {
  return {
    fresh: true,
    descriptors: SESSION_DESCRIPTORS * sessions + OTHER_DESCRIPTORS,
    run: (bench, relay) => measure(bench, relay, sessions),
  };
}

async function measure(bench, relay, sessions) {
  const { bulk: clients } = bench;
  const route = bench.route(relay, 0);
  await clients.verify(false);
  await clients.remoteDesktop(false);
  // Loads and compiles the code first, whose memory does not belong to a session.
  await clients.churn(1, { ...route, resume: false });
  await warmUp(relay.pid, bench.options.warmUp);
  await bench.closeSessions(clients);
  const empty = memoryOf(relay.pid);
  const perSession = async () => {
    // Lets allocator and garbage collector return memory.
    await sleep(bench.options.rest * 1000);
    return (memoryOf(relay.pid) - empty) / sessions / 1024;
  };
  await clients.open('echo', sessions, route);
  const fresh = await perSession();
  await clients.roundTrips(TRIPS, bench.block(relay, LIGHT.payload, LIGHT.count));
  const light = await perSession();
  await clients.roundTrips(TRIPS, bench.block(relay, BULK.payload, BULK.count));
  const bulk = await perSession();
  await bench.closeSessions(clients);
  return { fresh, light, bulk };
}
