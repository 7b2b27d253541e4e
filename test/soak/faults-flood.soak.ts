/** A flood of garbage while somebody works. Nothing of the time it takes is asserted, only measured. */
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

it(`${FLOOD_PER_SECOND} garbage connections per second, and the desktop goes on`, { timeout: 180_000 }, async () => {
  const echoes = await EchoSessions.start(gateway);
  const calm = await desktop.movement(FLOOD_SECONDS * 1000);
  record('before the flood', { ...calm.facts, ...echoes.facts() });
  const flood = await startGarbage(lab, gateway, FLOOD_PER_SECOND);
  const wild = await desktop.movement(FLOOD_SECONDS * 1000);
  const during = echoes.facts();
  const connections = await flood.stop();
  record('during the flood', { ...wild.facts, ...during, ...connections });
  await echoes.stop();
  expect(wild.bytes).toBeGreaterThan(0);
  expect(during['round trips']).toBeGreaterThan(0);
  expect(connections.made).toBeGreaterThan(FLOOD_PER_SECOND);
  expect(desktop.client.exitCode(), desktop.client.log()).toBeUndefined();
  expect(await desktop.showsNewPicture()).toBeLessThanOrEqual(SAME_PICTURE_RMSE);
  expect(await gateway.troubles()).toEqual([]);
});
