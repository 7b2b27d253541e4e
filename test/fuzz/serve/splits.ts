/** TCP cuts where it likes: whoever reads a stream has to make the same of every split. */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { type Random, randomFrom } from '../mutate.js';

/** Longest piece of a split: within every head, within most, and over many. */
const LONGEST = [1, 5, 60, 1500];
/** About as many pieces at most: a long input byte by byte would only take long. */
const MOST_PIECES = 2000;

/** What `read` makes of the bytes in one piece, after it made the same of two other splits. The pieces are copies, and `read`'s own. */
export function inEverySplit<T>(bytes: Buffer, read: (cut: Cut) => T): T {
  const whole = read((piece) => [Buffer.from(piece)]);
  const random = randomFrom(crc32(bytes));
  for (let turn = 0; turn < 2; turn++) {
    const longest = Math.max(LONGEST[random() % LONGEST.length] as number, Math.floor(bytes.length / MOST_PIECES));
    const inPieces = read((piece) => cutUp(piece, longest, random));
    if (!isDeepStrictEqual(inPieces, whole))
      throw new Error(`in pieces of up to ${longest} bytes something else is read`);
  }
  return whole;
}

export type Cut = (bytes: Buffer) => Buffer[];

function cutUp(bytes: Buffer, longest: number, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (random() % longest);
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return pieces;
}
