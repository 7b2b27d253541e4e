import type { Duplex } from 'node:stream';
import { HeadError } from '../../http/errors.js';
import { type HeadLimits, HeadReader, type RequestHead } from '../../http/head.js';
import { classify } from './peek.js';

export type ReadResult =
  /** A request of ours. `rest` followed its head in the same read; more may wait in the socket. */
  | { readonly kind: 'rdg' | 'rpc'; readonly head: RequestHead; readonly rest: Buffer }
  /** Not ours: every byte is back in the socket, which can be handed to node:http. */
  | { readonly kind: 'web' }
  /** The peer left without a byte, as health checks and port scanners do. */
  | { readonly kind: 'closed' }
  /** The deadline passed without a byte. */
  | { readonly kind: 'idle' };

export interface ReadOptions {
  readonly limits: HeadLimits;
  /** From the call to the end of the head, in milliseconds; bytes that trickle in do not prolong it. */
  readonly deadlineMs: number;
  /** Bytes that were read from this socket but not used: they come first. */
  readonly leftover?: Buffer;
  readonly signal?: AbortSignal;
}

/**
 * Reads one request head from a socket, and nothing behind it that did not come along.
 * It leaves no listener and no timer, and the socket neither flowing nor explicitly paused, so that a `data` listener or
 * node:http can take over at once. It never writes to the socket nor closes it.
 * INVARIANT: the caller keeps an `error` listener on the socket for its whole life. An error can be raised between the
 * removal of this function's listener and the moment its promise is seen.
 * @throws HeadError for a wrong head; `HEAD_TIMEOUT` (408), `HEAD_CUT` when the peer leaves in mid-head, `HEAD_ABORTED` (503)
 */
export function readRequest(socket: Duplex, options: ReadOptions): Promise<ReadResult> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const intake = new Intake(options.limits);

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
        result = intake.push(bytes);
      } catch (error) {
        fail(error);
        return true;
      }
      if (result === undefined) return false;
      // The listeners go first: unshift raises 'readable', which must not lead back here.
      stop();
      if (result.kind === 'web') socket.unshift(intake.first);
      resolve(result);
      return true;
    };
    const onReadable = (): void => {
      for (;;) {
        const bytes: Buffer | null = socket.read();
        if (bytes === null || take(bytes)) return;
      }
    };
    const onGone = (cause?: unknown): void => {
      if (intake.empty) settle({ kind: 'closed' });
      else fail(new HeadError('HEAD_CUT', 'the connection ended within a request head', { cause }));
    };
    const onEnd = (): void => onGone();
    const onDeadline = (): void => {
      if (intake.empty) settle({ kind: 'idle' });
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
      socket.off('error', onGone);
    };

    if (signal?.aborted) return onAbort();
    if (socket.destroyed || socket.readableEnded) return onGone();
    if (options.leftover !== undefined && options.leftover.length > 0 && take(options.leftover)) return;
    timer = setTimeout(onDeadline, options.deadlineMs);
    signal?.addEventListener('abort', onAbort);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onGone);
    // Bytes that wait in the socket already raise this event too.
    socket.on('readable', onReadable);
  });
}

/** First bytes until it is known whose they are, then the head. */
class Intake {
  /** Everything up to the decision. */
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
