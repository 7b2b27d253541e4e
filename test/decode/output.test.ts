import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { hasRoomForProgress, Output } from '../../src/decode/output.js';
import { plain } from '../../src/render/theme.js';

/** Takes what it is given when it is told to. */
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
  it('are gathered into one write', async () => {
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

  it('wait until the reader takes them', async () => {
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

  it('go nowhere once the reader has gone, and nobody waits for it', async () => {
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
  it('is the end of the output and no failure, even while a write waits', async () => {
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

  it('has room where results are elsewhere, or come at the end', () => {
    const [terminal, pipe] = [{ isTTY: true }, { isTTY: false }];
    for (const show of ['tree', 'ndjson', 'stats', 'nothing'] as const) {
      expect(hasRoomForProgress(pipe, terminal, show)).toBe(true);
      expect(hasRoomForProgress(terminal, terminal, show)).toBe(show === 'stats' || show === 'nothing');
      expect(hasRoomForProgress(terminal, pipe, show)).toBe(false);
    }
  });

  it('is taken away once', () => {
    const { shown, lines, at } = watched();
    at(1000);
    lines.progress(50e6, undefined);
    lines.progressDone();
    lines.progressDone();
    expect(shown.slice(1)).toEqual(['\r\x1b[K']);
  });

  it('is not shown for a file that is read at once', () => {
    const { shown, lines, at } = watched();
    at(600);
    lines.progress(1000, 2000);
    lines.progressDone();
    expect(shown).toEqual([]);
  });

  it('shows how much of the file is read, not too often, and leaves nothing behind', () => {
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

  it('of a pipe shows how much came', () => {
    const { shown, lines, at } = watched();
    at(1000);
    lines.progress(50e6, undefined);
    expect(shown).toEqual(['\r50 MB, 50 MB/s\x1b[K']);
  });
});
