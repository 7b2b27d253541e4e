/** Unmasking of WebSocket payload (RFC 6455 5.3), the most expensive step of the client's direction. */

/** Bytes unmasked at a time, more than a TLS record holds. Longer input is emitted in several views. */
const SCRATCH_BYTES = 64 * 1024;

const scratch = new Int32Array(SCRATCH_BYTES / 4);
const scratchBytes = Buffer.from(scratch.buffer);
const keyWord = new Int32Array(1);
const keyBytes = Buffer.from(keyWord.buffer);

/**
 * Calls `emit` with `bytes[start, end)` unmasked, in order. The views lie in one scratch buffer that all calls share:
 * they are valid until `emit` returns, and `emit` must not call `unmask`. `phase` is the offset of `start` in the
 * payload of its frame.
 */
export function unmask(
  bytes: Buffer,
  start: number,
  end: number,
  key: Uint8Array,
  phase: number,
  emit: (plain: Buffer) => void,
): void {
  for (let at = start; at < end; at += SCRATCH_BYTES) {
    const length = Math.min(SCRATCH_BYTES, end - at);
    // The copy is aligned, so that the mask can be applied to four bytes at a time.
    bytes.copy(scratchBytes, 0, at, at + length);
    xor(key, phase, (length + 3) >> 2);
    emit(scratchBytes.subarray(0, length));
  }
}

function xor(key: Uint8Array, phase: number, words: number): void {
  for (let index = 0; index < 4; index++) keyBytes[index] = key[(phase + index) & 3] as number;
  const word = keyWord[0] as number;
  for (let index = 0; index < words; index++) (scratch[index] as number) ^= word;
}
