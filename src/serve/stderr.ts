/** Opens stderr for the log, so that a write never blocks the event loop. */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errnoOf } from '../files.js';
import { atExit } from './exit-cleanup.js';
import { type DescriptorEvents, type LogDescriptor, LogOutput } from './log-output.js';

const STDERR = 2;

/** The log of this process on stderr. */
export function openLogOutput(): LogOutput {
  const output = new LogOutput((events) => openStderr(STDERR, events));
  atExit(output.exit);
  return output;
}

/**
 * Opens a descriptor by the kind of stderr:
 *
 * - A file is written by a thread of libuv, since no system has non-blocking files.
 * - A pipe or a terminal is opened a second time, without blocking. Other processes have the same open file as stderr,
 *   the shell among them, and would get EAGAIN if its mode changed.
 * - Anything else is written by Node: a socket, as of the systemd journal, a pipe or a terminal of another user, and all
 *   of them on Windows. Node writes a terminal synchronously, so a stopped terminal of another user (`su`, `sudo -u`), or
 *   outside Linux, does block.
 */
export function openStderr(fd: number, events: DescriptorEvents): LogDescriptor {
  const kind = fstatSync(fd);
  if (kind.isFile()) return new FileDescriptor(fd, events);
  if (kind.isCharacterDevice() && !isatty(fd)) return new NonBlockingDescriptor(fd, events);
  const own = openAgain(fd);
  return own === undefined ? new StreamDescriptor(process.stderr, events) : new NonBlockingDescriptor(own, events);
}

/** Opens the same pipe or terminal without blocking. Undefined where the system does not allow it. */
function openAgain(fd: number): number | undefined {
  // Without O_NOCTTY the terminal could become the controlling terminal of this process, and send it signals.
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, no permission, a pipe whose reader has gone, or a system without /proc.
    return undefined;
  }
}

class NonBlockingDescriptor implements LogDescriptor {
  readonly #fd: number;
  readonly #events: DescriptorEvents;

  constructor(fd: number, events: DescriptorEvents) {
    this.#fd = fd;
    this.#events = events;
  }

  write(data: Buffer): number {
    try {
      const taken = writeSync(this.#fd, data);
      this.#events.written(true);
      return taken;
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return 0;
      throw error;
    }
  }

  writeAtExit(data: Buffer): number {
    return this.write(data);
  }
}

/** One write at a time, which keeps the order. */
class FileDescriptor implements LogDescriptor {
  readonly #fd: number;
  readonly #events: DescriptorEvents;
  #isWriting = false;

  constructor(fd: number, events: DescriptorEvents) {
    this.#fd = fd;
    this.#events = events;
  }

  write(data: Buffer): number {
    if (this.#isWriting) return 0;
    this.#isWriting = true;
    this.#writeAll(data);
    return data.length;
  }

  /** The thread completes its write before the process ends. */
  writeAtExit(data: Buffer): number {
    return writeSync(this.#fd, data);
  }

  /** A write may take a part of the data: on a full disk, for example. */
  #writeAll(data: Buffer): void {
    write(this.#fd, data, (error, written) => {
      if (!error && written < data.length) return this.#writeAll(data.subarray(written));
      this.#isWriting = false;
      this.#events.written(!error);
      this.#events.ready();
    });
  }
}

/** Passes a line on only when the stream has no other waiting, so that all others are in the queue of the log. */
class StreamDescriptor implements LogDescriptor {
  readonly #stream: NodeJS.WritableStream & { readonly writableLength: number };
  readonly #events: DescriptorEvents;

  constructor(stream: NodeJS.WritableStream & { readonly writableLength: number }, events: DescriptorEvents) {
    this.#stream = stream;
    this.#events = events;
  }

  write(data: Buffer): number {
    if (this.#stream.writableLength > 0) return 0;
    this.#stream.write(data, (error) => {
      this.#events.written(!error);
      this.#events.ready();
    });
    return data.length;
  }

  writeAtExit(data: Buffer): number {
    return this.write(data);
  }
}
