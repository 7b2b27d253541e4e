import type { Duplex } from 'node:stream';
import { HeadError } from '../../http/errors.js';
import { type HeadLimits, HeadReader, type HeadStart, type RequestHead } from '../../http/head.js';

export type ReadResult =
  | {
      readonly kind: 'request';
      readonly head: RequestHead;
      /** The bytes that arrived with the head; the socket may hold further bytes. */
      readonly rest: Buffer;
      /** The request began within `leftover`: the client did not wait for the answer to the one before. */
      readonly isPipelined: boolean;
    }
  /** The head is invalid; `HEAD_TIMEOUT` (408): late; `HEAD_CUT`: the peer ended within it. */
  | { readonly kind: 'invalid'; readonly error: HeadError; readonly start: HeadStart }
  /** The peer closed the connection before a request, as health checks and port scanners do. */
  | { readonly kind: 'closed' }
  /** The deadline passed before a request began. */
  | { readonly kind: 'idle' };

export interface ReadOptions {
  readonly limits: HeadLimits;
  /** From the call to the end of the head, in milliseconds. Bytes that arrive do not extend it. */
  readonly deadlineMs: number;
  /** Bytes that were read from this socket before and not used; they are read first. */
  readonly leftover?: Buffer;
}

/**
 * Reads one request head from a socket, and no bytes after it except those that arrived with it. It leaves no listener
 * and no timer, and the socket neither flowing nor explicitly paused, so that a `data` listener can take over at once.
 * It neither writes to the socket nor closes it. It rejects only for a bug.
 * INVARIANT: the caller keeps an `error` listener on the socket as long as the socket exists. An error can be emitted
 * between the removal of this function's listener and the continuation of the caller.
 */
export function readRequest(socket: Duplex, { limits, deadlineMs, leftover }: ReadOptions): Promise<ReadResult> {
  return new Promise((resolve, reject) => {
    const reader = new HeadReader(limits);
    let isPipelined = true;

    const stop = (): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket.off('error', onClosed);
    };
    const settle = (result: ReadResult): void => {
      stop();
      resolve(result);
    };
    const fail = (error: HeadError): void => settle({ kind: 'invalid', error, start: reader.start });
    /** Returns whether the head is complete or invalid. */
    const take = (bytes: Buffer): boolean => {
      try {
        const result = reader.push(bytes);
        if (result.kind !== 'head') return false;
        settle({ kind: 'request', head: result.head, rest: result.rest, isPipelined });
      } catch (error) {
        if (error instanceof HeadError) fail(error);
        else {
          stop();
          reject(error);
        }
      }
      return true;
    };
    const onReadable = (): void => {
      for (;;) {
        const bytes: Buffer | null = socket.read();
        if (bytes === null || take(bytes)) return;
      }
    };
    const onClosed = (cause?: unknown): void => {
      if (!reader.hasStarted) settle({ kind: 'closed' });
      else fail(new HeadError('HEAD_CUT', 'the connection ended within a request head', { cause }));
    };
    const onEnd = (): void => onClosed();
    const onDeadline = (): void => {
      if (!reader.hasStarted) settle({ kind: 'idle' });
      else fail(new HeadError('HEAD_TIMEOUT', 'the request head did not arrive in time', { status: 408 }));
    };
    const timer = setTimeout(onDeadline, deadlineMs);

    if (socket.destroyed || socket.readableEnded) return onClosed();
    if (leftover !== undefined && leftover.length > 0 && take(leftover)) return;
    isPipelined = reader.hasStarted;
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onClosed);
    // This event is also emitted for bytes that the socket holds already.
    socket.on('readable', onReadable);
  });
}
