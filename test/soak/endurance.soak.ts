/** Everything at once, for as long as SOAK_MINUTES says, against one gateway. What it holds on to has to stay flat. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../src/config/schema.js';
import { type Lab, openLab } from '../lab/lab.js';
import { SAME_PICTURE_RMSE } from '../lab/picture.js';
import { until } from '../lab/until.js';
import { TRANSPORTS } from '../support/client.js';
import { sleep } from '../support/wait.js';
import { type Desktop, openDesktop } from './desktop.js';
import { MIB, mib, record, round, SAMPLES_FILE } from './figures.js';
import { startGarbage } from './garbage.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { COLLECT_MS, GARBAGE_PER_SECOND, MINUTES, SAMPLE_MS, STALLED } from './plan.js';
import { handlesIn, type Inside, openFiles, ProcessWatch, residentBytes } from './process.js';
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
const AROUND_MS = STALL_LIMIT_MS + 300_000;
/** A busy machine may notice a stall this much later than the setting says. */
const STALL_SLACK_S = 30;

/** Seconds after which a stalled peer is ended. */
const STALL_S = schema.parse({}).timeouts.stall;
/** As `stallReaders` gives them. */
const STALLED_SIDES = ['clients that never read', 'targets that never read'];

let lab: Lab;
let gateway: SoakGateway;
let desktop: Desktop;
/** What the gateway held on to when nobody had come yet. */
let before: { readonly files: number; readonly inside: Inside };

beforeAll(async () => {
  lab = await openLab('soak-endurance');
  gateway = await startSoakGateway(lab);
  before = { files: openFiles(gateway.pid), inside: await gateway.collected() };
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
  await attempt('the desktop moves', () => watchDesktop(performance.now() + MINUTES * 60_000));
  watch.stop();
  await attempt('what is held is flat', () => judge(watch));
  for (const [index, side] of stalled.entries())
    await attempt(`${STALLED_SIDES[index]} are ended`, () => expectEnded(side));
  await attempt('the client follows its desktop', showsNewPicture);
  const titles = ['short sessions', 'bulk flows', 'garbage connections', 'echo beside everything', ...STALLED_SIDES];
  for (const [index, traffic] of [...others, ...stalled].entries()) {
    const title = titles[index] ?? '';
    await attempt(title, async () => record(title, await traffic.stop()));
  }
  await attempt('nothing is left', expectNothingLeft);
  await attempt('nothing unforeseen in the log', async () => expect(await gateway.troubles()).toEqual([]));
});

/** An hour must not be lost to one verdict: what went wrong fails the test, which goes on to the next. */
async function attempt(what: string, step: () => Promise<void> | void): Promise<void> {
  try {
    await step();
  } catch (error) {
    expect.soft(error, what).toBeUndefined();
  }
}

/** The readers are there before anything else, so that their memory can be told from that of others. */
async function stallReaders(): Promise<readonly Stalled[]> {
  const resident = residentBytes(gateway.pid);
  const stalled = [Stalled.clients(gateway, STALLED), Stalled.targets(gateway, STALLED)];
  await until('all readers to stall', STALL_LIMIT_MS, () => stalled.every(({ opened }) => opened >= STALLED));
  await sleep(FULL_MS);
  // On a slow machine the first are ended and replaced before the last are there.
  const open = stalled.reduce((sum, side) => sum + side.open, 0);
  const each = (residentBytes(gateway.pid) - resident) / open;
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

async function showsNewPicture(): Promise<void> {
  const distance = await desktop.showsNewPicture();
  record('desktop', { 'RMSE at the end': distance });
  expect(distance).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
}

function judge(watch: ProcessWatch): void {
  const trends = watch.trends();
  for (const { of, first, last, most, perHour } of trends)
    record(`gateway, ${of}`, { first, last, most, 'per hour': perHour });
  expect(
    trends.filter(({ isFlat }) => !isFlat),
    `every sample is in ${SAMPLES_FILE}`,
  ).toEqual([]);
}

/** The stalled of one side were ended after the time in the settings, and none is open that should have been. */
function expectEnded(side: Stalled): void {
  expect(side.oldest).toBeLessThanOrEqual(STALL_S + STALL_SLACK_S);
  for (const transport of TRANSPORTS) {
    const lifetimes = side.lifetimes(transport);
    expect(Math.min(...lifetimes, STALL_S)).toBeGreaterThanOrEqual(STALL_S - 1);
    expect(Math.max(...lifetimes, STALL_S)).toBeLessThanOrEqual(STALL_S + STALL_SLACK_S);
    if (MINUTES * 60 > 2 * (STALL_S + STALL_SLACK_S)) expect(lifetimes.length).toBeGreaterThan(0);
  }
}

/** A trend allows for what comes and goes; when everybody has gone there is nothing to allow for. */
async function expectNothingLeft(): Promise<void> {
  await desktop.client.stop();
  await gateway.settles(before.files);
  const after = await gateway.collected();
  record('gateway, when all have left', {
    'files before': before.files,
    'files after': openFiles(gateway.pid),
    'handles before': handlesIn(before.inside),
    'handles after': handlesIn(after),
  });
  expect(after.handles).toEqual(before.inside.handles);
}
