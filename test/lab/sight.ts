import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tail } from './child.js';
import type { RunningClient } from './client.js';
import type { Lab } from './lab.js';
import { difference, OTHER_PICTURE_RMSE, type Picture, SAME_PICTURE_RMSE } from './picture.js';
import { until } from './until.js';

/** A first login at xrdp takes about four seconds here, nine on a slower machine. */
const PICTURE_LIMIT_MS = 30_000;
const POLL_MS = 200;

/** How far the client's screen is from the picture at this moment. */
export async function distance(lab: Lab, client: RunningClient, picture: Picture): Promise<number> {
  const shot = join(lab.folder, `${client.name}.png`);
  await client.display.screenshot(shot);
  return difference(picture.file, shot);
}

/**
 * Waits until the client shows the picture.
 * @returns the distance that passed
 * @throws when it does not in time, or ends: with the last distance, the end of its log, and both files under .test-results
 */
export async function waitForPicture(
  lab: Lab,
  client: RunningClient,
  picture: Picture,
  limitMs = PICTURE_LIMIT_MS,
): Promise<number> {
  let last = Number.NaN;
  try {
    return await until(
      'the picture',
      limitMs,
      async () => {
        const ended = client.exitCode();
        last = await distance(lab, client, picture);
        if (last <= SAME_PICTURE_RMSE) return last;
        if (ended !== undefined) throw new Error(`the client ended with ${ended}`);
        return undefined;
      },
      POLL_MS,
    );
  } catch (error) {
    const kept = keep(lab, client);
    throw new Error(
      `${client.name} does not show the picture: ${(error as Error).message}, RMSE ${last}, wanted ${SAME_PICTURE_RMSE}; ` +
        `screenshot and log in ${kept}\n${tail(client.log())}`,
    );
  }
}

/** Fails unless the client's screen is clearly something else than the picture. Returns the distance. */
export async function expectOtherPicture(lab: Lab, client: RunningClient, picture: Picture): Promise<number> {
  const found = await distance(lab, client, picture);
  if (found >= OTHER_PICTURE_RMSE) return found;
  throw new Error(`${client.name} shows the picture, RMSE ${found}; screenshot and log in ${keep(lab, client)}`);
}

function keep(lab: Lab, client: RunningClient): string {
  const place = join(lab.results, client.name);
  copyFileSync(join(lab.folder, `${client.name}.png`), `${place}.png`);
  writeFileSync(`${place}.log`, client.log());
  return `${place}.{png,log}`;
}
