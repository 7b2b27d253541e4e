/** Mixed traffic to one gateway for SOAK_MINUTES minutes. Its resources must not grow. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../src/config/schema.js';
import { type Lab, openLab } from '../lab/lab.js';
import { SAME_PICTURE_RMSE } from '../lab/picture.js';
import { until } from '../lab/until.js';
import { TRANSPORTS } from '../support/client.js';
import { startFlood } from '../support/flood.js';
import { sleep } from '../support/wait.js';
import { type Desktop, openDesktop } from './desktop.js';
import { MIB, mib, record, round, SAMPLES_FILE } from './figures.js';
import { startGarbage } from './garbage.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { COLLECT_MS, GARBAGE_PER_SECOND, MINUTES, SAMPLE_MS, STALLED } from './plan.js';
import { handlesIn, openFiles, ProcessMonitor, type ProcessSample, residentBytes } from './process.js';
import { StalledSessions } from './stalled.js';
import { bulkFlows, EchoSessions, shortSessions } from './traffic.js';

/** Limit until all stalled sessions are open, and the time until their buffers are full. */
const STALL_LIMIT_MS = 300_000;
const BUFFERS_FULL_MS = 3_000;
/** Limit of resident memory for each stalled session. */
const STALLED_BYTES_MAX = MIB;
/** Interval of the checks of the desktop. */
const CHECK_INTERVAL_MS = 5_000;
/** Time for set-up and final checks in addition to SOAK_MINUTES. */
const OVERHEAD_MS = STALL_LIMIT_MS + 300_000;
/** Allowed delay of the stall detection on a busy machine. */
const STALL_SLACK_S = 30;

/** Seconds after which the gateway ends a session with a stalled peer. */
const STALL_S = schema.parse({}).timeouts.stall;
/** In the order of the result of `stallReaders`. */
const STALLED_SIDES = ['clients that never read', 'targets that never read'];

let lab: Lab;
let gateway: SoakGateway;
let desktop: Desktop;
/** The resources of the gateway before the first connection. */
let before: { readonly files: number; readonly sample: ProcessSample };

beforeAll(async () => {
  lab = await openLab('soak-endurance');
  gateway = await startSoakGateway(lab);
  before = { files: openFiles(gateway.pid), sample: await gateway.sampleAfterGc() };
  desktop = await openDesktop(lab, gateway);
});

afterAll(() => lab?.close());

it(`mixed traffic for ${MINUTES} minutes`, { timeout: MINUTES * 60_000 + OVERHEAD_MS }, async () => {
  const stalled = await stallReaders();
  const others = await Promise.all([
    shortSessions(gateway),
    bulkFlows(gateway),
    startGarbage(lab, gateway, GARBAGE_PER_SECOND),
    EchoSessions.start(gateway),
    // Fewer than the slots for connections without an identity: they end by their time limits.
    startFlood({ port: gateway.port, kind: 'silent', connections: 100, addresses: 2, perSecond: 50 }),
    startFlood({ port: gateway.port, kind: 'dripping', connections: 50, addresses: 50, perSecond: 25 }),
  ]);
  const monitor = new ProcessMonitor(gateway.pid, gateway.samplesFile, SAMPLE_MS, COLLECT_MS);
  await attempt('the desktop is live', () => watchDesktop(performance.now() + MINUTES * 60_000));
  monitor.stop();
  await attempt('resources do not grow', () => expectFlat(monitor));
  for (const [index, side] of stalled.entries())
    await attempt(`${STALLED_SIDES[index]} are ended`, () => expectStalledEnded(side));
  await attempt('the client shows a new picture', expectNewPicture);
  const titles = [
    'short sessions',
    'bulk flows',
    'garbage connections',
    'echo in mixed traffic',
    'silent connections',
    'dripping connections',
    ...STALLED_SIDES,
  ];
  for (const [index, traffic] of [...others, ...stalled].entries()) {
    const title = titles[index] ?? '';
    await attempt(title, async () => record(title, { ...(await traffic.stop()) }));
  }
  await attempt('all resources are released', expectReleased);
  await attempt('no unexpected errors in the log', async () => expect(await gateway.unexpectedErrors()).toEqual([]));
});

/** A failed check fails the test, but the test continues, so that a long run reports the results of all checks. */
async function attempt(what: string, step: () => Promise<void> | void): Promise<void> {
  try {
    await step();
  } catch (error) {
    expect.soft(error, what).toBeUndefined();
  }
}

/** Opens the stalled sessions before all other traffic, so that their memory can be measured. */
async function stallReaders(): Promise<readonly StalledSessions[]> {
  const resident = residentBytes(gateway.pid);
  const stalled = [StalledSessions.clients(gateway, STALLED), StalledSessions.targets(gateway, STALLED)];
  await until('all stalled sessions to be open', STALL_LIMIT_MS, () =>
    stalled.every(({ opened }) => opened >= STALLED),
  );
  await sleep(BUFFERS_FULL_MS);
  // On a slow machine the first sessions are ended and replaced before the last ones are open.
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

/** Verifies until `end` that the client runs and that the target sends screen updates. */
async function watchDesktop(end: number): Promise<void> {
  let [bytes, checks] = [0, 0];
  while (performance.now() < end) {
    const activity = await desktop.activity(Math.min(CHECK_INTERVAL_MS, Math.max(1000, end - performance.now())));
    expect(desktop.client.exitCode(), desktop.client.log()).toBeUndefined();
    expect(activity.bytes).toBeGreaterThan(0);
    bytes += activity.bytes;
    checks++;
  }
  record('desktop', { minutes: round(MINUTES), checks, 'MiB sent': mib(bytes) });
}

async function expectNewPicture(): Promise<void> {
  const distance = await desktop.showNewPicture();
  record('desktop', { 'RMSE at the end': distance });
  expect(distance).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
}

function expectFlat(monitor: ProcessMonitor): void {
  const trends = monitor.trends();
  for (const { of, first, last, most, perHour } of trends)
    record(`gateway, ${of}`, { first, last, most, 'per hour': perHour });
  expect(
    trends.filter(({ isFlat }) => !isFlat),
    `every sample is in ${SAMPLES_FILE}`,
  ).toEqual([]);
}

/** Verifies that stalled sessions of one side were ended after `timeouts.stall`, and that no older one is open. */
function expectStalledEnded(side: StalledSessions): void {
  expect(side.longestOpen).toBeLessThanOrEqual(STALL_S + STALL_SLACK_S);
  for (const transport of TRANSPORTS) {
    const durations = side.durations(transport);
    expect(Math.min(...durations, STALL_S)).toBeGreaterThanOrEqual(STALL_S - 1);
    expect(Math.max(...durations, STALL_S)).toBeLessThanOrEqual(STALL_S + STALL_SLACK_S);
    if (MINUTES * 60 > 2 * (STALL_S + STALL_SLACK_S)) expect(durations.length).toBeGreaterThan(0);
  }
}

/** The trends allow some variation. Without any connection the numbers must be exactly those of the start. */
async function expectReleased(): Promise<void> {
  await desktop.client.stop();
  await gateway.waitForFiles(before.files);
  const after = await gateway.sampleAfterGc();
  record('gateway without connections', {
    'files before': before.files,
    'files after': openFiles(gateway.pid),
    'handles before': handlesIn(before.sample),
    'handles after': handlesIn(after),
  });
  expect(after.handles).toEqual(before.sample.handles);
}
