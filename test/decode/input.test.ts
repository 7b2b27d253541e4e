import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openInput, paced, peek } from '../../src/decode/input.js';

async function gather(chunks: AsyncIterable<Buffer>): Promise<string[]> {
  const all: string[] = [];
  for await (const chunk of chunks) all.push(chunk.toString());
  return all;
}

describe('the first bytes', () => {
  it('are returned and remain in the stream', async () => {
    const { first, whole } = await peek(Readable.from([Buffer.from('one'), Buffer.from('two')]), 1);
    expect(first.toString()).toBe('one');
    expect(await gather(whole)).toEqual(['one', 'two']);
  });

  it('are collected from a pipe that delivers one byte at a time', async () => {
    const bytes = [...'four!'].map((byte) => Buffer.from(byte));
    const { first, whole } = await peek(Readable.from(bytes), 4);
    expect(first.toString()).toBe('four');
    expect(await gather(whole)).toEqual(['four', '!']);
  });

  it('of an empty stream are empty', async () => {
    const { first, whole } = await peek(Readable.from([]), 4);
    expect(first).toHaveLength(0);
    expect(await gather(whole)).toEqual([]);
  });
});

describe('a paced stream', () => {
  it('passes a chunk on only after the callback has completed', async () => {
    const seen: string[] = [];
    let open: () => void = () => undefined;
    const source = Readable.from([Buffer.from('one'), Buffer.from('two')]);
    const slow = paced(source, async (bytes) => {
      seen.push(`before ${bytes}`);
      if (seen.length === 1) await new Promise<void>((resolve) => (open = resolve));
    });
    const bytes = gather(slow).then((all) => seen.push(all.join('')));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(['before 3']);
    open();
    await bytes;
    expect(seen).toEqual(['before 3', 'before 3', 'onetwo']);
  });

  it('passes an error on', async () => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('one');
        throw new Error('disk failure');
      })(),
    );
    await expect(gather(paced(failing, () => undefined))).rejects.toThrow('disk failure');
  });
});

describe('a file', () => {
  it('has a size, which is undefined for a device', async () => {
    const { size, stream } = await openInput('package.json');
    stream.destroy();
    expect(size).toBeGreaterThan(100);
    const device = await openInput('/dev/null');
    device.stream.destroy();
    expect(device.size).toBeUndefined();
  });
});
