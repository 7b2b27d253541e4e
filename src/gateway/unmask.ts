/** Takes the mask off the payload of WebSocket frames (RFC 6455 section 5.3), in place. */

/** XORs `bytes` with the four bytes of `mask`, over and over from its first one on. */
export type Unmask = (bytes: Buffer, mask: Buffer) => void;

/** Below this the call into native code, or the view of words, costs more than the loop (measured on Node 20). */
const SHORT = 128;

/** Native code where the optional package is installed and works on this machine; the same in JavaScript elsewhere. */
export const unmask: Unmask = choose(await loadNative());

export function choose(native: Unmask | undefined): Unmask {
  const long = native ?? unmaskWords;
  return (bytes, mask) => (bytes.length < SHORT ? unmaskBytes(bytes, mask, 0, bytes.length) : long(bytes, mask));
}

/** Four bytes at a time, in whatever order this machine keeps them. */
export function unmaskWords(bytes: Buffer, mask: Buffer): void {
  const before = -bytes.byteOffset & 3;
  const count = (bytes.length - before) >> 2;
  if (count <= 0) return unmaskBytes(bytes, mask, 0, bytes.length);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + before, count);
  const pattern = Buffer.from([0, 1, 2, 3].map((index) => mask[(before + index) & 3] as number));
  const word = new Int32Array(new Uint8Array(pattern).buffer)[0] as number;
  unmaskBytes(bytes, mask, 0, before);
  for (let index = 0; index < count; index++) words[index] = (words[index] as number) ^ word;
  unmaskBytes(bytes, mask, before + count * 4, bytes.length);
}

function unmaskBytes(bytes: Buffer, mask: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at++) bytes[at] = (bytes[at] as number) ^ (mask[at & 3] as number);
}

async function loadNative(): Promise<Unmask | undefined> {
  try {
    const { default: native } = await import('bufferutil');
    return native.unmask;
  } catch {
    return undefined;
  }
}
