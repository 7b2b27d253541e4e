/** Undoing a WebSocket mask (RFC 6455 5.3), which is most of the work of a client's direction. */

/** As much as a TLS record holds; larger parts go out in several views. */
const ROOM = 64 * 1024;

const scratch = new Int32Array(ROOM / 4);
const scratchBytes = Buffer.from(scratch.buffer);
const keyWord = new Int32Array(1);
const keyBytes = Buffer.from(keyWord.buffer);

/**
 * Calls `emit` with `bytes[start, end)` unmasked, in order. The views lie in one scratch buffer for all: they are valid until
 * `emit` returns, and `emit` must not come back here. `phase` is how many bytes of this frame were unmasked before.
 */
export function unmask(
  bytes: Buffer,
  start: number,
  end: number,
  key: Uint8Array,
  phase: number,
  emit: (plain: Buffer) => void,
): void {
  for (let at = start; at < end; at += ROOM) {
    const length = Math.min(ROOM, end - at);
    // Copying first makes the bytes aligned, and then four of them cost what one does.
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
