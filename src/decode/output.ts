/** The output: lines in large writes with backpressure, and a progress line on a terminal. */
import type { Writable } from 'node:stream';
import type { Theme } from '../render/theme.js';
import type { DecodeRequest } from './request.js';

export interface OutputOptions {
  readonly out: Writable;
  readonly theme: Theme;
  readonly width: number;
  /** The terminal for the progress line; undefined for no progress line. */
  readonly progress: Writable | undefined;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Whether a progress line on stderr and the results do not mix: stdout is no terminal, or is written at the end only.
 */
export function canShowProgress(
  stdout: { readonly isTTY: boolean },
  stderr: { readonly isTTY: boolean },
  show: DecodeRequest['show'],
): boolean {
  return stderr.isTTY && (!stdout.isTTY || show === 'stats' || show === 'nothing');
}

/** Characters buffered before they are written. */
const WRITE_SIZE = 64 * 1024;
/** No progress line is shown before this time. */
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

  /** Whether the reader has closed the output, as in `| head`. */
  get closed(): boolean {
    return this.#out.destroyed || this.#out.writableEnded;
  }

  /** Whether the buffer of the stream is full, so that `flush` would wait. */
  get full(): boolean {
    return this.#out.writableNeedDrain;
  }

  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length >= WRITE_SIZE) this.#write();
  }

  /** Writes the buffered lines and waits until the stream accepts more. */
  async flush(): Promise<void> {
    this.#write();
    if (!this.#out.writableNeedDrain || this.closed) return;
    // Also ends on an error: a closed pipe is not one, and the owner of the stream reports any other.
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

  /** Removes the progress line. */
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
