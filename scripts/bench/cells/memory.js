// What a session takes of the memory while nothing moves: fresh, after a little use, after more.
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from '../cpu.js';
import { warmUp } from '../window.js';

/** Four packets each way on a round trip, 4 KiB and 60 KiB in all. */
const LIGHT = { payload: 1024, count: 4 };
const BULK = { payload: 15 * 1024, count: 4 };
const TRIPS = 3;
/** Descriptors: a client and a desktop in the generator, as many in a relay; and what every program has. */
const PER_SESSION = 2;
const SPARE = 200;

/** In a relay of its own each time: what others left behind would be used again. */
export function idle(sessions) {
  return {
    fresh: true,
    descriptors: PER_SESSION * sessions + SPARE,
    run: (bench, relay) => look(bench, relay, sessions),
  };
}

async function look(bench, relay, sessions) {
  const { bulk: clients } = bench;
  const way = bench.way(relay, 0);
  await clients.verify(false);
  await clients.elsewhere(false);
  // Code is loaded and compiled before: it is no part of a session.
  await clients.churn(1, { ...way, resume: false });
  await warmUp(relay.pid, bench.options.warmUp);
  await bench.finish(clients);
  const empty = memoryOf(relay.pid);
  const each = async () => {
    // Allocators and collectors get their time.
    await sleep(bench.options.rest * 1000);
    return (memoryOf(relay.pid) - empty) / sessions / 1024;
  };
  await clients.open('echo', sessions, way);
  const fresh = await each();
  await clients.pulse(TRIPS, bench.block(relay, LIGHT.payload, LIGHT.count));
  const light = await each();
  await clients.pulse(TRIPS, bench.block(relay, BULK.payload, BULK.count));
  const bulk = await each();
  await bench.finish(clients);
  return { fresh, light, bulk };
}
