import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DescriptorEvents, LOG_QUEUE_MAX, LogOutput } from '../../src/serve/log-output.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A pipe that takes `room` bytes, then none. */
class Pipe {
  room = Number.POSITIVE_INFINITY;
  error: Error | undefined;
  text = '';
  events: DescriptorEvents | undefined;
  readonly output: LogOutput;
  readonly reports: number[] = [];

  constructor() {
    this.output = new LogOutput((events) => {
      this.events = events;
      return { write: (data) => this.take(data), writeAtExit: (data) => this.take(data) };
    });
    this.output.reportTo((lines) => {
      this.reports.push(lines);
      this.output.write(`dropped ${lines}\n`);
    });
  }

  take(data: Buffer): number {
    if (this.error) throw this.error;
    const taken = Math.min(data.length, this.room);
    this.room -= taken;
    this.text += data.toString('utf8', 0, taken);
    if (taken > 0) this.events?.written(true);
    return taken;
  }

  /** Reads what is there, and everything from now on. */
  drain(): void {
    this.room = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(1000);
  }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}\n`);

describe('the output of the log', () => {
  it('writes each line at once, in order', () => {
    const pipe = new Pipe();
    for (const line of numbered(3)) pipe.output.write(line);
    expect(pipe.text).toBe('line 0\nline 1\nline 2\n');
    expect(pipe.output.waiting).toBe(0);
  });

  it('keeps lines that are not taken, and writes them in order with no part twice', () => {
    const pipe = new Pipe();
    pipe.room = 10;
    const lines = numbered(5000);
    for (const line of lines) pipe.output.write(line);
    expect(pipe.text).toBe('line 0\nlin');
    expect(pipe.output.waiting).toBe(lines.join('').length - 10);
    pipe.drain();
    expect(pipe.text).toBe(lines.join(''));
    expect(pipe.output.waiting).toBe(0);
    expect(pipe.reports).toEqual([]);
  });

  it('keeps at most LOG_QUEUE_MAX bytes, drops what comes until they are written, and then tells how many lines', () => {
    const pipe = new Pipe();
    pipe.room = 0;
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < LOG_QUEUE_MAX / 1024 + 7; count++) pipe.output.write(line);
    expect(pipe.output.waiting).toBe(LOG_QUEUE_MAX);
    // Not all of it is written: a line that came now would follow a gap that nobody has told.
    pipe.room = 2048;
    vi.advanceTimersByTime(1000);
    pipe.output.write('short\n');
    expect(pipe.output.waiting).toBe(LOG_QUEUE_MAX - 2048);
    pipe.drain();
    expect(pipe.text).toBe(`${line.repeat(LOG_QUEUE_MAX / 1024)}dropped 8\n`);
    pipe.output.write('after\n');
    expect(pipe.text).toMatch(/dropped 8\nafter\n$/);
    expect(pipe.reports).toEqual([8]);
  });

  it('drops one line that is longer than the queue', () => {
    const pipe = new Pipe();
    pipe.room = 0;
    pipe.output.write('x'.repeat(LOG_QUEUE_MAX + 1));
    expect(pipe.output.waiting).toBe(0);
    pipe.drain();
    pipe.output.write('after\n');
    expect(pipe.reports).toEqual([1]);
  });

  it('drops lines that fail, and tells how many once one could be written', () => {
    const pipe = new Pipe();
    pipe.error = new Error('no space left');
    for (const line of numbered(3)) pipe.output.write(line);
    expect(pipe.reports).toEqual([]);
    pipe.error = undefined;
    pipe.output.write('after\n');
    expect(pipe.text).toBe('after\ndropped 3\n');
  });

  it('counts lines that a descriptor took and lost later', () => {
    const pipe = new Pipe();
    pipe.output.write('lost\n');
    pipe.events?.written(false);
    pipe.events?.ready();
    expect(pipe.reports).toEqual([]);
    pipe.output.write('after\n');
    expect(pipe.reports).toEqual([1]);
  });

  it('waits for a reader at most the given time', async () => {
    const pipe = new Pipe();
    pipe.room = 0;
    pipe.output.write('line\n');
    const late = pipe.output.flush(300);
    await vi.advanceTimersByTimeAsync(400);
    await late;
    expect(pipe.output.waiting).toBe(5);
    const early = pipe.output.flush(3_600_000);
    pipe.room = 5;
    await vi.advanceTimersByTimeAsync(100);
    await early;
    expect(pipe.text).toBe('line\n');
  });

  it('writes at the exit what is taken at once', () => {
    const pipe = new Pipe();
    pipe.room = 0;
    for (const line of numbered(3)) pipe.output.write(line);
    pipe.room = 16;
    pipe.output.exit();
    expect(pipe.text).toBe('line 0\nline 1\nli');
  });
});
