import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tail } from './child.js';
import type { RunningClient } from './client.js';
import type { Lab } from './lab.js';
import { difference, OTHER_PICTURE_RMSE, type Picture, SAME_PICTURE_RMSE } from './picture.js';
import { until } from './until.js';

/** The first login at xrdp takes about four seconds, nine on a slower machine. */
const PICTURE_LIMIT_MS = 30_000;
const POLL_MS = 200;

/** The RMSE of the client's current screen and the picture. */
export async function distance(lab: Lab, client: RunningClient, picture: Picture): Promise<number> {
  const shot = join(lab.folder, `${client.name}.png`);
  await client.display.screenshot(shot);
  return difference(picture.file, shot);
}

/**
 * Waits until the client shows the picture.
 * @returns the RMSE
 * @throws when the limit passes or the client ends. The message has the last RMSE and the end of the log; screenshot
 * and log are saved under .test-results.
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
    const saved = saveResults(lab, client);
    throw new Error(
      `${client.name} does not show the picture: ${(error as Error).message}, RMSE ${last}, wanted ${SAME_PICTURE_RMSE}; ` +
        `screenshot and log in ${saved}\n${tail(client.log())}`,
    );
  }
}

/** Resolves with the RMSE of screen and picture. Rejects unless the screen clearly shows something else. */
export async function expectOtherPicture(lab: Lab, client: RunningClient, picture: Picture): Promise<number> {
  const found = await distance(lab, client, picture);
  if (found >= OTHER_PICTURE_RMSE) return found;
  throw new Error(`${client.name} shows the picture, RMSE ${found}; screenshot and log in ${saveResults(lab, client)}`);
}

function saveResults(lab: Lab, client: RunningClient): string {
  const path = join(lab.results, client.name);
  copyFileSync(join(lab.folder, `${client.name}.png`), `${path}.png`);
  writeFileSync(`${path}.log`, client.log());
  return `${path}.{png,log}`;
}
