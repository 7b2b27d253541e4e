/** Sessions come and go, and nothing of them stays. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { echoTarget } from '../support/target.js';
import { MIB, mib, record } from './figures.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { SESSIONS, SESSIONS_AT_ONCE } from './plan.js';
import { handlesIn, openFiles, residentBytes } from './process.js';
import { shortSession } from './traffic.js';

/** Before anything is measured: code is compiled, buffers and pools have found their size. */
const WARM_UP = 1_000;
/** Memory that does not come back although nothing is held: the heap's own slack, and the allocator's. Not one KiB for each session. */
const HEAP_SLACK = 3 * MIB;
const RESIDENT_SLACK = 24 * MIB;

let lab: Lab;
let gateway: SoakGateway;

beforeAll(async () => {
  lab = await openLab('soak-sessions');
  gateway = await startSoakGateway(lab);
});

afterAll(() => lab?.close());

it(`${SESSIONS} sessions leave nothing behind`, { timeout: 120_000 + SESSIONS * 120 }, async () => {
  const files = openFiles(gateway.pid);
  const first = await gateway.collected();
  const echo = await echoTarget();
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += SESSIONS_AT_ONCE) {
      const batch = Array.from({ length: SESSIONS_AT_ONCE }, (_, index) => shortSession(gateway, echo, done + index));
      await Promise.all(batch);
      echo.sockets.length = 0;
    }
  };
  await run(Math.min(WARM_UP, SESSIONS));
  await gateway.settles(files);
  const before = { ...(await gateway.collected()), rss: residentBytes(gateway.pid) };
  const start = performance.now();
  await run(SESSIONS);
  const seconds = (performance.now() - start) / 1000;
  await gateway.settles(files);
  const after = { ...(await gateway.collected()), rss: residentBytes(gateway.pid) };
  await echo.stop();
  record('sessions opened and closed', {
    sessions: SESSIONS,
    'per second': Math.round(SESSIONS / seconds),
    'RSS MiB before': mib(before.rss),
    'RSS MiB after': mib(after.rss),
    'heap MiB before': mib(before.heap),
    'heap MiB after': mib(after.heap),
    'files before': files,
    'files after': openFiles(gateway.pid),
    'handles before': handlesIn(first),
    'handles after': handlesIn(after),
  });
  // Sockets and timers by their kind: the same as before the first session, not only as many.
  expect(after.handles).toEqual(first.handles);
  expect(after.heap - before.heap).toBeLessThan(HEAP_SLACK);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(HEAP_SLACK);
  expect(after.rss - before.rss).toBeLessThan(RESIDENT_SLACK);
  expect(await gateway.troubles()).toEqual([]);
});
