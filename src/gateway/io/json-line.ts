/** One JSON object on one line, between processes of ours. */
import type { Socket } from 'node:net';

/** The longest line is a question about a connection: a secret, a GUID and an address. */
const LINE_BYTES = 4096;
const LINE_FEED = 0x0a;

export function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Reads one line and nothing behind it; leaves no listener and no timer. The caller keeps an `error` listener on the socket.
 * Rejects when it is none, does not come within `ms`, or the socket ends before.
 */
export function readLine(socket: Socket, ms: number): Promise<object> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', read);
      for (const event of ['end', 'close'] as const) socket.off(event, gone);
    };
    const fail = (reason: string): void => {
      stop();
      reject(new Error(reason));
    };
    const gone = (): void => fail('the other process is gone');
    const read = (): void => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) return;
      held = Buffer.concat([held, bytes]);
      const end = held.indexOf(LINE_FEED);
      if (end < 0 && held.length <= LINE_BYTES) return;
      if (end < 0) return fail('the line has no end');
      stop();
      if (held.length > end + 1) socket.unshift(held.subarray(end + 1));
      try {
        resolve(Object(JSON.parse(held.toString('utf8', 0, end))));
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(() => fail('the other process does not answer'), ms);
    socket.on('readable', read);
    for (const event of ['end', 'close'] as const) socket.on(event, gone);
    if (socket.destroyed || socket.readableEnded) gone();
  });
}
