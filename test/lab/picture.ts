import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Lab } from './lab.js';
import { runProgram, tryProgram } from './program.js';

export const WIDTH = 1024;
export const HEIGHT = 768;
const COLUMNS = 8;
const ROWS = 6;

/**
 * The metric is ImageMagick's RMSE, normalised to 0..1: 0 for the same picture, 1 for black against white.
 *
 * Measured with FreeRDP 2.11.7 and 3.15 alike:
 * - the same picture: xrdp 0; freerdp-shadow 0.003 to 0.0095 (H.264, RemoteFX); both with 16 bits per pixel
 *   0.0122 to 0.0130
 * - one block of the 48 wrong: about 0.06
 * - another picture: 0.349 to 0.456 in 276 pairs, mean 0.410, standard deviation 0.021; a black screen 0.535 to 0.618
 */
export const SAME_PICTURE_RMSE = 0.03;
/** INVARIANT: a screen between the two thresholds counts neither as the same nor as another picture. */
export const OTHER_PICTURE_RMSE = 0.2;

/** 48 blocks in random colours. Lossy codecs preserve large areas, and two random pictures always differ clearly. */
export interface Picture {
  readonly file: string;
  /** `drawPicture` with the same seed draws the same picture. */
  readonly seed: string;
}

export async function drawPicture(lab: Lab, seed: string = randomUUID()): Promise<Picture> {
  const file = join(lab.folder, `picture-${createHash('sha256').update(seed).digest('hex').slice(0, 12)}.png`);
  const colours = createHash('shake256', { outputLength: 3 * COLUMNS * ROWS })
    .update(seed)
    .digest();
  const input = Buffer.concat([Buffer.from(`P6\n${COLUMNS} ${ROWS}\n255\n`), colours]);
  await runProgram('convert', ['ppm:-', '-scale', `${WIDTH}x${HEIGHT}!`, '-depth', '8', file], { input });
  return { file, seed };
}

/** The RMSE of two image files of the same size, see `SAME_PICTURE_RMSE`. */
export async function difference(one: string, other: string): Promise<number> {
  const { stderr } = await tryProgram('compare', ['-metric', 'RMSE', one, other, 'null:']);
  const value = /\(([\d.e+-]+)\)/.exec(stderr)?.[1];
  if (value === undefined) throw new Error(`compare printed: ${stderr}`);
  return Number(value);
}
