/** A flood of garbage connections beside a desktop session. Latencies are measured, but not asserted. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.js';
import { SAME_PICTURE_RMSE } from '../lab/picture.js';
import { type Desktop, openDesktop } from './desktop.js';
import { record } from './figures.js';
import { startGarbage } from './garbage.js';
import { type SoakGateway, startSoakGateway } from './gateway.js';
import { FLOOD_PER_SECOND, FLOOD_SECONDS } from './plan.js';
import { EchoSessions } from './traffic.js';

let lab: Lab;
let gateway: SoakGateway;
let desktop: Desktop;

beforeAll(async () => {
  lab = await openLab('soak-flood');
  gateway = await startSoakGateway(lab);
  desktop = await openDesktop(lab, gateway);
});

afterAll(() => lab?.close());

it(`the desktop remains usable with ${FLOOD_PER_SECOND} garbage connections per second`, {
  timeout: 180_000,
}, async () => {
  const echoes = await EchoSessions.start(gateway);
  const before = await desktop.activity(FLOOD_SECONDS * 1000);
  record('before the flood', { ...before.figures, ...echoes.takeFigures() });
  const flood = await startGarbage(lab, gateway, FLOOD_PER_SECOND);
  const during = await desktop.activity(FLOOD_SECONDS * 1000);
  const roundTrips = echoes.takeFigures();
  const connections = await flood.stop();
  record('during the flood', { ...during.figures, ...roundTrips, ...connections });
  await echoes.stop();
  expect(during.bytes).toBeGreaterThan(0);
  expect(roundTrips['round trips']).toBeGreaterThan(0);
  expect(connections.made).toBeGreaterThan(FLOOD_PER_SECOND);
  expect(desktop.client.exitCode(), desktop.client.log()).toBeUndefined();
  expect(await desktop.showNewPicture()).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
  expect(await gateway.unexpectedErrors()).toEqual([]);
});
