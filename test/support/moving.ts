/** Data that never rests, through a session to a target that sends everything back. */
import { randomBytes } from 'node:crypto';
import type { RawClient } from './client.js';

const BLOCK = randomBytes(50_000);

export interface Moved {
  /** Blocks that went there and back. */
  readonly count: number;
  /** Pieces with a wrong byte. */
  readonly wrong: number;
}

/** Sends block after block through a new session until the returned function is called. Rejects when the session ends before. */
export function keepMoving(client: RawClient): () => Promise<Moved> {
  let moving = true;
  let wrong = 0;
  client.sink = (bytes) => {
    const from = (client.receivedBytes - bytes.length) % BLOCK.length;
    const rest = BLOCK.subarray(from, from + bytes.length);
    const right = Buffer.concat([rest, BLOCK.subarray(0, bytes.length - rest.length)]);
    if (!right.equals(bytes)) wrong++;
  };
  const move = async (): Promise<Moved> => {
    let count = 0;
    while (moving) {
      count++;
      client.send(BLOCK);
      await client.gets(count * BLOCK.length);
      if (client.closed) throw new Error('a session was lost');
    }
    return { count, wrong };
  };
  const moved = move();
  // Whoever never asks what became of it has failed for another reason.
  moved.catch(() => undefined);
  return () => {
    moving = false;
    return moved;
  };
}
