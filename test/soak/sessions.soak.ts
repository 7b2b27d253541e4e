/** Opens and closes many sessions and verifies that the gateway releases all their resources. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { echoTarget } from '../support/target.js';
import { MIB, mib, record } from './figures.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { SESSIONS, SESSIONS_AT_ONCE } from './plan.js';
import { handlesIn, openFiles, residentBytes } from './process.js';
import { shortSession } from './traffic.js';

/** Sessions before the first measurement, in which code is compiled and buffers and pools reach their final size. */
const WARM_UP = 1_000;
/** Allowed growth: unused memory that heap and allocator keep. For the heap it is below 1 KiB per session. */
const HEAP_SLACK = 3 * MIB;
const RESIDENT_SLACK = 24 * MIB;

/** All sessions come from one address, and as fast as they can. */
const NO_RATES = { RDGW_LIMITS_HANDSHAKE_RATE: '100000', RDGW_LIMITS_HANDSHAKE_RATE_PER_ADDRESS: '100000' };

let lab: Lab;
let gateway: SoakGateway;

beforeAll(async () => {
  lab = await openLab('soak-sessions');
  gateway = await startSoakGateway(lab, { env: NO_RATES });
});

afterAll(() => lab?.close());

it(`${SESSIONS} sessions leak nothing`, { timeout: 120_000 + SESSIONS * 120 }, async () => {
  const files = openFiles(gateway.pid);
  const first = await gateway.sampleAfterGc();
  const echo = await echoTarget();
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += SESSIONS_AT_ONCE) {
      const batch = Array.from({ length: SESSIONS_AT_ONCE }, (_, index) => shortSession(gateway, echo, done + index));
      await Promise.all(batch);
      echo.sockets.length = 0;
    }
  };
  await run(Math.min(WARM_UP, SESSIONS));
  await gateway.waitForFiles(files);
  const before = { ...(await gateway.sampleAfterGc()), rss: residentBytes(gateway.pid) };
  const start = performance.now();
  await run(SESSIONS);
  const seconds = (performance.now() - start) / 1000;
  await gateway.waitForFiles(files);
  const after = { ...(await gateway.sampleAfterGc()), rss: residentBytes(gateway.pid) };
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
  // Compares the numbers by kind, which is stricter than the total.
  expect(after.handles).toEqual(first.handles);
  expect(after.heap - before.heap).toBeLessThan(HEAP_SLACK);
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(HEAP_SLACK);
  expect(after.rss - before.rss).toBeLessThan(RESIDENT_SLACK);
  expect(await gateway.unexpectedErrors()).toEqual([]);
});
