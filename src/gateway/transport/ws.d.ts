/** The parts of ws that take a raw socket: exported by the package, missing from its types. Written against ws 8.23. */
import type { Duplex, Writable } from 'node:stream';

declare module 'ws' {
  interface ReceiverOptions {
    /** Whether frames must be masked. */
    readonly isServer?: boolean;
    /** Largest message in bytes; a larger one is an error with code 1009. */
    readonly maxPayload?: number;
    readonly maxFragments?: number;
    readonly maxBufferedChunks?: number;
    readonly allowSynchronousEvents?: boolean;
    readonly skipUTF8Validation?: boolean;
  }

  export class Receiver extends Writable {
    constructor(options?: ReceiverOptions);
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
    on(event: 'conclude', listener: (code: number, reason: Buffer) => void): this;
    on(event: 'drain' | 'finish' | 'close', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
  }

  interface SendOptions {
    readonly binary: boolean;
    readonly compress: boolean;
    readonly fin: boolean;
    readonly mask: boolean;
  }

  export class Sender {
    constructor(socket: Duplex, extensions?: object);
    send(data: Buffer, options: SendOptions, done?: (error?: Error) => void): void;
    ping(data: Buffer, mask: boolean, done?: (error?: Error) => void): void;
    pong(data: Buffer, mask: boolean, done?: (error?: Error) => void): void;
    close(code: number | undefined, data: Buffer | undefined, mask: boolean, done?: (error?: Error) => void): void;
  }
}
