/** TCP may split a stream anywhere, so a reader must have the same result for every split. */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { type Random, randomFrom } from '../mutate.js';

/** Largest piece of a split in bytes: below every head, below most heads, and above many. */
const MAX_PIECE_LENGTHS = [1, 5, 60, 1500];
/** Approximate largest number of pieces. Splitting a long input into single bytes would only take time. */
const MAX_PIECES = 2000;

/**
 * Returns the result of `read` for the bytes in one piece. Throws if `read` has another result for one of two random
 * splits. `read` gets copies of the bytes and may overwrite them.
 */
export function sameForEverySplit<T>(bytes: Buffer, read: (split: Split) => T): T {
  const whole = read((piece) => [Buffer.from(piece)]);
  const random = randomFrom(crc32(bytes));
  for (let turn = 0; turn < 2; turn++) {
    const longest = Math.max(
      MAX_PIECE_LENGTHS[random() % MAX_PIECE_LENGTHS.length] as number,
      Math.floor(bytes.length / MAX_PIECES),
    );
    const inPieces = read((piece) => splitRandomly(piece, longest, random));
    if (!isDeepStrictEqual(inPieces, whole)) throw new Error(`the result differs for pieces of up to ${longest} bytes`);
  }
  return whole;
}

/** Splits bytes into pieces. */
export type Split = (bytes: Buffer) => Buffer[];

function splitRandomly(bytes: Buffer, longest: number, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (random() % longest);
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return pieces;
}
