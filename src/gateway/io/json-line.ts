/** Messages between the processes of one gateway: one JSON object on one line. */
import type { Socket } from 'node:net';

/** Limit for one line. The longest message is a claim: a secret, a GUID and an address. */
const LINE_BYTES = 4096;
const LINE_FEED = 0x0a;

export function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Reads one line and nothing after it; leaves no listener and no timer. The caller keeps an `error` listener on the
 * socket. Rejects when the line is too long or no JSON, does not arrive within `ms` milliseconds, or the socket ends
 * before.
 */
export function readLine(socket: Socket, ms: number): Promise<object> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', read);
      for (const event of ['end', 'close'] as const) socket.off(event, onEnd);
    };
    const fail = (reason: string): void => {
      stop();
      reject(new Error(reason));
    };
    const onEnd = (): void => fail('the other process is gone');
    const read = (): void => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      received = Buffer.concat([received, bytes]);
      const end = received.indexOf(LINE_FEED);
      if (end < 0 && received.length <= LINE_BYTES) return;
      if (end < 0) return fail('the line has no end');
      stop();
      if (received.length > end + 1) socket.unshift(received.subarray(end + 1));
      try {
        resolve(Object(JSON.parse(received.toString('utf8', 0, end))));
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(() => fail('the other process does not answer'), ms);
    socket.on('readable', read);
    for (const event of ['end', 'close'] as const) socket.on(event, onEnd);
    if (socket.destroyed || socket.readableEnded) onEnd();
  });
}
