/** Everything at once, for as long as SOAK_MINUTES says, against one gateway. What it holds on to has to stay flat. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../src/config/schema.js';
import { type Lab, openLab } from '../lab/lab.js';
import { SAME_PICTURE_RMSE } from '../lab/picture.js';
import { until } from '../lab/until.js';
import { sleep } from '../support/wait.js';
import { type Desktop, openDesktop } from './desktop.js';
import { MIB, mib, record, round, SAMPLES_FILE } from './figures.js';
import { startGarbage } from './garbage.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { COLLECT_MS, GARBAGE_PER_SECOND, MINUTES, SAMPLE_MS, STALLED } from './plan.js';
import { ProcessWatch, residentBytes } from './process.js';
import { Stalled } from './stalled.js';
import { bulkFlows, EchoSessions, shortSessions } from './traffic.js';

/** Handshakes of all stalled readers, and full buffers behind each of them. */
const STALL_LIMIT_MS = 300_000;
const FULL_MS = 3_000;
/** How much memory a reader that never reads may take, whichever side it is on. */
const STALLED_BYTES_MAX = MIB;
/** Between two looks at the desktop. */
const LOOK_MS = 5_000;
/** What is set up and compared beside the minutes themselves. */
const AROUND_MS = 300_000;
/** A busy machine may notice a stall this much later than the setting says. */
const STALL_SLACK_S = 30;

/** Seconds after which a stalled peer is ended. */
const STALL_S = schema.parse({}).timeouts.stall;
/** As `stallReaders` gives them. */
const STALLED_SIDES = ['clients that never read', 'targets that never read'];

let lab: Lab;
let gateway: SoakGateway;
let desktop: Desktop;

beforeAll(async () => {
  lab = await openLab('soak-endurance');
  gateway = await startSoakGateway(lab);
  desktop = await openDesktop(lab, gateway);
});

afterAll(() => lab?.close());

it(`mixed traffic for ${MINUTES} minutes`, { timeout: MINUTES * 60_000 + AROUND_MS }, async () => {
  const stalled = await stallReaders();
  const others = await Promise.all([
    shortSessions(gateway),
    bulkFlows(gateway),
    startGarbage(lab, gateway, GARBAGE_PER_SECOND),
    EchoSessions.start(gateway),
  ]);
  const watch = new ProcessWatch(gateway.pid, gateway.samplesFile, SAMPLE_MS, COLLECT_MS);
  await watchDesktop(performance.now() + MINUTES * 60_000).finally(() => watch.stop());
  const { trends } = watch;
  const distance = await desktop.showsNewPicture();
  // Everything is told before anything is judged: an hour must not be lost to one verdict.
  record('desktop', { 'RMSE at the end': distance });
  for (const { of, first, last, most, perHour } of trends)
    record(`gateway, ${of}`, { first, last, most, 'per hour': perHour });
  const lifetimes = stalled.map((side) => [...side.lifetimes]);
  const titles = ['short sessions', 'bulk flows', 'garbage connections', 'echo beside everything', ...STALLED_SIDES];
  for (const [index, traffic] of [...others, ...stalled].entries()) record(titles[index] ?? '', await traffic.stop());

  expect(distance).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
  expect(
    trends.filter(({ isFlat }) => !isFlat),
    `every sample is in ${SAMPLES_FILE}`,
  ).toEqual([]);
  lifetimes.forEach(expectEnded);
});

/** The readers are there before anything else, so that their memory can be told from that of others. */
async function stallReaders(): Promise<readonly Stalled[]> {
  const before = residentBytes(gateway.pid);
  const stalled = [Stalled.clients(gateway, STALLED), Stalled.targets(gateway, STALLED)];
  await until('all readers to stall', STALL_LIMIT_MS, () => stalled.every(({ opened }) => opened >= STALLED));
  await sleep(FULL_MS);
  // On a slow machine the first are ended and replaced before the last are there.
  const open = stalled.reduce((sum, side) => sum + side.open, 0);
  const each = (residentBytes(gateway.pid) - before) / open;
  record('stalled readers', {
    'on each side': STALLED,
    'open at that moment': open,
    'MiB each': Math.round((100 * each) / MIB) / 100,
  });
  expect(each).toBeLessThanOrEqual(STALLED_BYTES_MAX);
  return stalled;
}

/** The client is there all the time, and something moves on its screen. */
async function watchDesktop(end: number): Promise<void> {
  let [bytes, looks] = [0, 0];
  while (performance.now() < end) {
    const moved = await desktop.movement(Math.min(LOOK_MS, Math.max(1000, end - performance.now())));
    expect(desktop.client.exitCode(), desktop.client.log()).toBeUndefined();
    expect(moved.bytes).toBeGreaterThan(0);
    bytes += moved.bytes;
    looks++;
  }
  record('desktop', { minutes: round(MINUTES), looks, 'MiB shown': mib(bytes) });
}

/** The stalled of one side were ended after the time in the settings, in seconds. */
function expectEnded(lifetimes: readonly number[]): void {
  expect(Math.min(...lifetimes, STALL_S)).toBeGreaterThanOrEqual(STALL_S - 1);
  expect(Math.max(...lifetimes, STALL_S)).toBeLessThanOrEqual(STALL_S + STALL_SLACK_S);
  if (MINUTES * 60 > 2 * (STALL_S + STALL_SLACK_S)) expect(lifetimes.length).toBeGreaterThan(0);
}
