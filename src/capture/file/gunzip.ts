/** Unpacks gzip on its way in. */
import { createGunzip } from 'node:zlib';

/** Bytes unpacked at a time. What a damaged file still yields ends within this distance of the damage. */
const OUTPUT_BYTES = 64 * 1024;

/**
 * Unpacks `chunks` into `push`, as fast as `push` takes them, and says how that ended. Rejects with whatever `push` throws
 * and whatever reading the chunks throws.
 */
export async function gunzip(
  chunks: AsyncIterable<Buffer>,
  push: (chunk: Buffer) => void,
): Promise<'whole' | 'truncated' | 'damaged'> {
  const unzip = createGunzip({ chunkSize: OUTPUT_BYTES });
  let thrown: { readonly error: unknown } | undefined;
  unzip.on('data', (chunk: Buffer) => {
    // A throw out of a stream's event would end the process instead of reaching the caller.
    if (thrown) return;
    try {
      push(chunk);
    } catch (error) {
      thrown = { error };
    }
  });
  let failure: NodeJS.ErrnoException | undefined;
  unzip.on('error', (error) => {
    failure = error;
  });
  // After a failure the callback of a write never comes.
  let wake = (): void => {};
  unzip.once('end', () => wake());
  unzip.once('close', () => wake());
  try {
    for await (const chunk of chunks) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        unzip.write(chunk, () => resolve());
      });
      if (thrown || failure) break;
    }
    if (!thrown && !failure) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        unzip.end();
      });
    }
  } finally {
    unzip.destroy();
  }
  if (thrown) throw thrown.error;
  if (!failure) return 'whole';
  return failure.code === 'Z_BUF_ERROR' ? 'truncated' : 'damaged';
}
