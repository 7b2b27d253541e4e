/** Reads what a connection begins with, before TLS or a reader of requests takes it over. */
import type { Socket } from 'node:net';

/** What the first bytes mean, and how many of them it takes. */
export interface Start<Value> {
  readonly value: Value;
  /** The bytes after these stay in the socket. */
  readonly length: number;
}

/**
 * Resolves to the value that `parse` finds in the first bytes of a socket: `late` if there is none after `deadlineMs`,
 * `ended` if the connection ends before. Rejects with what `parse` throws. It leaves no listener and no timer. The caller
 * keeps an `error` listener on the socket.
 *
 * @param parse takes all bytes so far; undefined: more are needed. It limits their number.
 */
export function readStart<Value>(
  socket: Socket,
  deadlineMs: number,
  parse: (bytes: Buffer) => Start<Value> | undefined,
): Promise<Value | 'late' | 'ended'> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable);
      for (const event of ['end', 'close']) socket.off(event, onEnd);
    };
    const settle = (result: Value | 'late' | 'ended'): void => {
      stop();
      resolve(result);
    };
    const onEnd = (): void => settle('ended');
    const onReadable = (): void => {
      for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
        let start: Start<Value> | undefined;
        try {
          start = parse(bytes);
        } catch (error) {
          stop();
          return reject(error);
        }
        if (start === undefined) continue;
        // The listeners are removed first: unshift emits 'readable', which must not call this function again.
        settle(start.value);
        if (bytes.length > start.length) socket.unshift(bytes.subarray(start.length));
        return;
      }
    };
    const timer = setTimeout(() => settle('late'), deadlineMs);
    for (const event of ['end', 'close']) socket.on(event, onEnd);
    // This event is also emitted for bytes that the socket holds already.
    socket.on('readable', onReadable);
    if (socket.destroyed || socket.readableEnded) onEnd();
  });
}
