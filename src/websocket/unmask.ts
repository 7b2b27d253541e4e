/** Takes the mask off the payload of WebSocket frames (RFC 6455 section 5.3), in place. */

/** XORs the bytes of `chunk` from `from` to `to` with the four bytes of `mask`, over and over from its first one on. */
export type Unmask = (chunk: Buffer, from: number, to: number, mask: Buffer) => void;
type UnmaskAll = (bytes: Buffer, mask: Buffer) => void;

/** Below this the call into native code, or the view of words, costs more than the loop (measured on Node 20). */
const SHORT = 128;

/** Native code where the optional package is installed and works on this machine; the same in JavaScript elsewhere. */
export const unmask: Unmask = choose(await loadNative());

export function choose(native: UnmaskAll | undefined): Unmask {
  const long = native ?? unmaskWords;
  return (chunk, from, to, mask) =>
    to - from < SHORT ? unmaskBytes(chunk, from, to, mask) : long(chunk.subarray(from, to), mask);
}

/** Four bytes at a time, in whatever order this machine keeps them. */
export function unmaskWords(bytes: Buffer, mask: Buffer): void {
  const before = -bytes.byteOffset & 3;
  const count = (bytes.length - before) >> 2;
  if (count <= 0) return unmaskBytes(bytes, 0, bytes.length, mask);
  const behind = before + count * 4;
  unmaskBytes(bytes, 0, before, mask);
  // From here on the mask begins with another of its bytes.
  const turned = Buffer.from([0, 1, 2, 3].map((index) => mask[(before + index) & 3] as number));
  const word = new Int32Array(new Uint8Array(turned).buffer)[0] as number;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + before, count);
  for (let index = 0; index < count; index++) words[index] = (words[index] as number) ^ word;
  unmaskBytes(bytes, behind, bytes.length, turned);
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
