/** Unmasks the payload of WebSocket frames in place (RFC 6455 section 5.3). */

/** XORs the bytes `from` to `to` of `chunk` with the four bytes of `mask`, repeated and starting with the first. */
export type Unmask = (chunk: Buffer, from: number, to: number, mask: Buffer) => void;
type UnmaskAll = (bytes: Buffer, mask: Buffer) => void;

/** Below this number of bytes a native call or an Int32Array costs more than the byte loop (measured on Node 20). */
const SHORT = 128;

/**
 * The native implementation if the optional package bufferutil is installed and works on this machine, else JavaScript.
 */
export const unmask: Unmask = chooseUnmask(await loadNative());

export function chooseUnmask(native: UnmaskAll | undefined): Unmask {
  const long = native ?? unmaskWords;
  return (chunk, from, to, mask) =>
    to - from < SHORT ? unmaskBytes(chunk, from, to, mask) : long(chunk.subarray(from, to), mask);
}

/** Unmasks four bytes at a time. It works with either byte order. */
export function unmaskWords(bytes: Buffer, mask: Buffer): void {
  const before = -bytes.byteOffset & 3;
  const count = (bytes.length - before) >> 2;
  if (count <= 0) return unmaskBytes(bytes, 0, bytes.length, mask);
  const end = before + count * 4;
  unmaskBytes(bytes, 0, before, mask);
  // The words start `before` bytes into the mask.
  const rotated = Buffer.from([0, 1, 2, 3].map((index) => mask[(before + index) & 3] as number));
  const word = new Int32Array(new Uint8Array(rotated).buffer)[0] as number;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + before, count);
  for (let index = 0; index < count; index++) words[index] = (words[index] as number) ^ word;
  unmaskBytes(bytes, end, bytes.length, rotated);
}

function unmaskBytes(chunk: Buffer, from: number, to: number, mask: Buffer): void {
  for (let at = from; at < to; at++) chunk[at] = (chunk[at] as number) ^ (mask[(at - from) & 3] as number);
}

async function loadNative(): Promise<UnmaskAll | undefined> {
  try {
    const { default: native } = await import('bufferutil');
    return native.unmask;
  } catch {
    return undefined;
  }
}
