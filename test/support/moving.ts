/** Continuous traffic through a session to an echo target. */
import { randomBytes } from 'node:crypto';
import type { RawClient } from './client.js';

const BLOCK = randomBytes(50_000);

export interface EchoResult {
  /** Blocks that were echoed completely. */
  readonly count: number;
  /** Received pieces with a wrong byte. */
  readonly wrong: number;
}

/**
 * Sends block after block through a new session until the returned function is called. Its result rejects when the
 * session ends before that.
 */
export function keepEchoing(client: RawClient): () => Promise<EchoResult> {
  let running = true;
  let wrong = 0;
  client.sink = (bytes) => {
    const from = (client.receivedBytes - bytes.length) % BLOCK.length;
    const rest = BLOCK.subarray(from, from + bytes.length);
    const expected = Buffer.concat([rest, BLOCK.subarray(0, bytes.length - rest.length)]);
    if (!expected.equals(bytes)) wrong++;
  };
  const run = async (): Promise<EchoResult> => {
    let count = 0;
    while (running) {
      count++;
      client.send(BLOCK);
      await client.waitForBytes(count * BLOCK.length);
      if (client.closed) throw new Error('a session was lost');
    }
    return { count, wrong };
  };
  const result = run();
  // A test that never awaits the result has already failed for another reason.
  result.catch(() => undefined);
  return () => {
    running = false;
    return result;
  };
}
