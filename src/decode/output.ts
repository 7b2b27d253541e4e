/** Where results go: lines in large writes, never faster than they are taken, and a progress line for a person who waits. */
import type { Writable } from 'node:stream';
import type { Theme } from '../render/theme.js';
import type { DecodeRequest } from './request.js';

export interface OutputOptions {
  readonly out: Writable;
  readonly theme: Theme;
  readonly width: number;
  /** A terminal for the progress line; undefined where nobody looks. */
  readonly progress: Writable | undefined;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Whether a progress line on stderr disturbs nothing: results are on another screen, or come when it is gone. */
export function hasRoomForProgress(
  stdout: { readonly isTTY: boolean },
  stderr: { readonly isTTY: boolean },
  show: DecodeRequest['show'],
): boolean {
  return stderr.isTTY && (!stdout.isTTY || show === 'stats' || show === 'nothing');
}

/** Characters gathered before they are written. */
const WRITE_SIZE = 64 * 1024;
/** A file that is read in less time needs no progress line. */
const PROGRESS_AFTER_MS = 700;
const PROGRESS_EVERY_MS = 200;
const BAR = 24;

export class Output {
  readonly theme: Theme;
  readonly width: number;
  readonly #out: Writable;
  readonly #progress: Writable | undefined;
  readonly #now: () => number;
  readonly #start: number;
  #text = '';
  #bytes = 0;
  #shown = 0;

  constructor({ out, theme, width, progress, now = () => performance.now() }: OutputOptions) {
    this.theme = theme;
    this.width = width;
    this.#out = out;
    this.#progress = progress;
    this.#now = now;
    this.#start = now();
  }

  /** Nobody reads any more, as behind `| head`. */
  get closed(): boolean {
    return this.#out.destroyed || this.#out.writableEnded;
  }

  /** More was written than is taken at once: time to `flush`. */
  get full(): boolean {
    return this.#out.writableNeedDrain;
  }

  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length >= WRITE_SIZE) this.#write();
  }

  /** Writes what is gathered and waits until it is taken. */
  async flush(): Promise<void> {
    this.#write();
    if (!this.#out.writableNeedDrain || this.closed) return;
    // Whatever the end is: a reader that left is no failure, and any other one is told by whoever owns the stream.
    await new Promise<void>((resolve) => {
      const events = ['drain', 'close', 'error'];
      const done = (): void => {
        for (const event of events) this.#out.off(event, done);
        resolve();
      };
      for (const event of events) this.#out.on(event, done);
    });
  }

  progress(bytes: number, size: number | undefined): void {
    this.#bytes += bytes;
    const now = this.#now();
    const elapsed = now - this.#start;
    if (!this.#progress || elapsed < PROGRESS_AFTER_MS || now - this.#shown < PROGRESS_EVERY_MS) return;
    this.#shown = now;
    const part = size ? Math.min(1, this.#bytes / size) : undefined;
    const speed = `${(this.#bytes / 1e6).toFixed(0)} MB, ${(this.#bytes / 1e3 / elapsed).toFixed(0)} MB/s`;
    const full = Math.round((part ?? 0) * BAR);
    const bar = part === undefined ? '' : `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${Math.round(part * 100)} % `;
    this.#progress.write(`\r${bar}${speed}\x1b[K`);
  }

  /** Takes the progress line away. */
  progressDone(): void {
    if (this.#shown > 0) this.#progress?.write('\r\x1b[K');
    this.#shown = 0;
  }

  #write(): void {
    if (this.#text === '' || this.closed) {
      this.#text = '';
      return;
    }
    const text = this.#text;
    this.#text = '';
    this.#out.write(text);
  }
}
