import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { canShowProgress, Output } from '../../src/decode/output.js';
import { plain } from '../../src/render/theme.js';

/** A stream that completes a write when `take` is called. */
class Reader extends Writable {
  text = '';
  writes = 0;
  #taken: (() => void) | undefined;

  constructor() {
    super({ highWaterMark: 16 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    this.writes++;
    this.#taken = done;
  }

  take(): void {
    this.#taken?.();
  }
}

function output(out: Writable, options: { progress?: Writable; now?: () => number } = {}): Output {
  return new Output({ out, theme: plain, width: 80, progress: options.progress, now: options.now ?? (() => 0) });
}

describe('lines', () => {
  it('are combined into one write', async () => {
    const reader = new Reader();
    const lines = output(reader);
    lines.line('one');
    lines.line('two');
    expect(reader.writes).toBe(0);
    reader.take();
    const flushed = lines.flush();
    expect(reader.text).toBe('one\ntwo\n');
    reader.take();
    await flushed;
  });

  it('are flushed when the reader has taken them', async () => {
    const reader = new Reader();
    const lines = output(reader);
    lines.line('x'.repeat(100));
    let done = false;
    const flushed = lines.flush().then(() => {
      done = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    reader.take();
    await flushed;
    expect(done).toBe(true);
  });

  it('are dropped once the reader has closed, and flush does not wait', async () => {
    const reader = new Reader();
    const lines = output(reader);
    lines.line('x'.repeat(100));
    const flushed = lines.flush();
    reader.destroy();
    await flushed;
    expect(lines.closed).toBe(true);
    lines.line('more');
    await lines.flush();
    expect(reader.text).not.toContain('more');
  });
});

describe('a broken pipe', () => {
  it('ends the output without an error, even during a write', async () => {
    const out = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) =>
        setImmediate(() => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))),
    });
    out.on('error', () => undefined);
    const lines = output(out);
    lines.line('one');
    await lines.flush();
    expect(lines.closed).toBe(true);
  });

  it('leaves no listener behind', async () => {
    const reader = new Reader();
    const lines = output(reader);
    for (let turn = 0; turn < 30; turn++) {
      lines.line('x'.repeat(100));
      const flushed = lines.flush();
      reader.take();
      await flushed;
    }
    expect(reader.listenerCount('close')).toBe(0);
  });
});

describe('progress', () => {
  function watched(): { shown: string[]; lines: Output; at: (ms: number) => void } {
    const shown: string[] = [];
    let time = 0;
    const progress = new Writable({
      write(chunk: Buffer, _encoding, done) {
        shown.push(chunk.toString());
        done();
      },
    });
    const lines = output(new Reader(), { progress, now: () => time });
    const at = (ms: number): void => {
      time = ms;
    };
    return { shown, lines, at };
  }

  it('is possible if stdout is not a terminal or the results come at the end', () => {
    const [terminal, pipe] = [{ isTTY: true }, { isTTY: false }];
    for (const show of ['tree', 'ndjson', 'stats', 'nothing'] as const) {
      expect(canShowProgress(pipe, terminal, show)).toBe(true);
      expect(canShowProgress(terminal, terminal, show)).toBe(show === 'stats' || show === 'nothing');
      expect(canShowProgress(terminal, pipe, show)).toBe(false);
    }
  });

  it('is removed once', () => {
    const { shown, lines, at } = watched();
    at(1000);
    lines.progress(50e6, undefined);
    lines.progressDone();
    lines.progressDone();
    expect(shown.slice(1)).toEqual(['\r\x1b[K']);
  });

  it('is not shown for a file that is read quickly', () => {
    const { shown, lines, at } = watched();
    at(600);
    lines.progress(1000, 2000);
    lines.progressDone();
    expect(shown).toEqual([]);
  });

  it('shows the part of the file that is read, at a limited rate, and is removed at the end', () => {
    const { shown, lines, at } = watched();
    at(1000);
    lines.progress(100e6, 400e6);
    at(1100);
    lines.progress(1e6, 400e6);
    at(2000);
    lines.progress(99e6, 400e6);
    lines.progressDone();
    expect(shown).toEqual([
      '\r[######..................] 25 % 100 MB, 100 MB/s\x1b[K',
      '\r[############............] 50 % 200 MB, 100 MB/s\x1b[K',
      '\r\x1b[K',
    ]);
  });

  it('of a pipe shows the bytes read', () => {
    const { shown, lines, at } = watched();
    at(1000);
    lines.progress(50e6, undefined);
    expect(shown).toEqual(['\r50 MB, 50 MB/s\x1b[K']);
  });
});
