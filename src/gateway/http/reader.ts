import type { Duplex } from 'node:stream';
import { HeadError } from '../../http/errors.js';
import { type HeadLimits, HeadReader, type RequestHead } from '../../http/head.js';
import { classify } from './peek.js';

export type ReadResult =
  /** A gateway or RPC request. `rest` arrived with its head; the socket may hold further bytes. */
  | { readonly kind: 'rdg' | 'rpc'; readonly head: RequestHead; readonly rest: Buffer }
  /** Ordinary HTTP: all bytes were put back into the socket, which can be passed to node:http. */
  | { readonly kind: 'web' }
  /** The peer closed the connection without sending a byte, as health checks and port scanners do. */
  | { readonly kind: 'closed' }
  /** The deadline passed without a byte. */
  | { readonly kind: 'idle' };

export interface ReadOptions {
  readonly limits: HeadLimits;
  /** From the call to the end of the head, in milliseconds. Bytes that arrive do not extend it. */
  readonly deadlineMs: number;
  /** Bytes that were read from this socket before and not used; they are read first. */
  readonly leftover?: Buffer;
  readonly signal?: AbortSignal;
}

/**
 * Reads one request head from a socket, and no bytes after it except those that arrived with it. It leaves no listener
 * and no timer, and the socket neither flowing nor explicitly paused, so that a `data` listener or node:http can take
 * over at once. It neither writes to the socket nor closes it.
 * INVARIANT: the caller keeps an `error` listener on the socket as long as the socket exists. An error can be emitted
 * between the removal of this function's listener and the continuation of the caller.
 * @throws HeadError for an invalid head; `HEAD_TIMEOUT` (408), `HEAD_CUT` when the peer ends within the head,
 * `HEAD_ABORTED` (503)
 */
export function readRequest(socket: Duplex, options: ReadOptions): Promise<ReadResult> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const reader = new RequestReader(options.limits);

    const settle = (result: ReadResult): void => {
      stop();
      resolve(result);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    const take = (bytes: Buffer): boolean => {
      let result: ReadResult | undefined;
      try {
        result = reader.push(bytes);
      } catch (error) {
        fail(error);
        return true;
      }
      if (result === undefined) return false;
      // The listeners are removed first: unshift emits 'readable', which must not call this function again.
      stop();
      if (result.kind === 'web') socket.unshift(reader.first);
      resolve(result);
      return true;
    };
    const onReadable = (): void => {
      for (;;) {
        const bytes: Buffer | null = socket.read();
        if (bytes === null || take(bytes)) return;
      }
    };
    const onClosed = (cause?: unknown): void => {
      if (reader.empty) settle({ kind: 'closed' });
      else fail(new HeadError('HEAD_CUT', 'the connection ended within a request head', { cause }));
    };
    const onEnd = (): void => onClosed();
    const onDeadline = (): void => {
      if (reader.empty) settle({ kind: 'idle' });
      else fail(new HeadError('HEAD_TIMEOUT', 'the request head did not arrive in time', { status: 408 }));
    };
    const onAbort = (): void => {
      fail(new HeadError('HEAD_ABORTED', 'the gateway stopped reading', { status: 503, cause: signal?.reason }));
    };
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('readable', onReadable);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      socket.off('error', onClosed);
    };

    if (signal?.aborted) return onAbort();
    if (socket.destroyed || socket.readableEnded) return onClosed();
    if (options.leftover !== undefined && options.leftover.length > 0 && take(options.leftover)) return;
    timer = setTimeout(onDeadline, options.deadlineMs);
    signal?.addEventListener('abort', onAbort);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onClosed);
    // This event is also emitted for bytes that the socket holds already.
    socket.on('readable', onReadable);
  });
}

/** Collects the first bytes until they identify the reader, then reads the head. */
class RequestReader {
  /** All bytes up to the decision. */
  first: Buffer = Buffer.alloc(0);
  readonly #limits: HeadLimits;
  #kind: 'rdg' | 'rpc' | undefined;
  #head: HeadReader | undefined;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  get empty(): boolean {
    return this.first.length === 0;
  }

  push(bytes: Buffer): ReadResult | undefined {
    if (this.#head !== undefined && this.#kind !== undefined) return this.#pushHead(this.#head, this.#kind, bytes);
    this.first = this.empty ? bytes : Buffer.concat([this.first, bytes]);
    const kind = classify(this.first);
    if (kind === 'need-more') return undefined;
    if (kind === 'web') return { kind };
    this.#kind = kind;
    this.#head = new HeadReader(this.#limits);
    return this.#pushHead(this.#head, kind, this.first);
  }

  #pushHead(reader: HeadReader, kind: 'rdg' | 'rpc', bytes: Buffer): ReadResult | undefined {
    const result = reader.push(bytes);
    return result.kind === 'head' ? { kind, head: result.head, rest: result.rest } : undefined;
  }
}
