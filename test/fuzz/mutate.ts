/** Mutation of fuzzer inputs. The result depends only on the inputs and the random numbers. */

/** Returns the next random number, an unsigned 32-bit integer. */
export type Random = () => number;

/** A deterministic random number generator (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Numbers at which counts overflow, signs change and sizes exceed limits. */
const BOUNDARY_NUMBERS = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const MAX_CHANGES = 8;
/** Largest length of an input in bytes. Longer ones would only slow down the fuzzer. */
const MAX_LENGTH = 256 * 1024;

type Change = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

const CHANGES: readonly Change[] = [
  (bytes, random) => change(bytes, random, (byte) => byte ^ (1 << (random() % 8))),
  (bytes, random) => change(bytes, random, () => random() & 0xff),
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const number = BOUNDARY_NUMBERS[random() % BOUNDARY_NUMBERS.length] as number;
    const width = [1, 2, 4][random() % 3] as number;
    if (copy.length < width) return copy;
    const at = random() % (copy.length - width + 1);
    if (random() % 2 === 0) copy.writeUIntLE(number % 2 ** (8 * width), at, width);
    else copy.writeUIntBE(number % 2 ** (8 * width), at, width);
    return copy;
  },
  (bytes, random) => bytes.subarray(0, random() % (bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), Buffer.alloc(to - from, random() & 0xff), bytes.subarray(to)]);
  },
  (bytes, random, other) => {
    const [from, to] = range(other, random);
    const at = random() % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)]);
  },
];

/** Applies one to MAX_CHANGES changes at random offsets. Inserted bytes are taken from `other`. */
export function mutate(bytes: Buffer, random: Random, other: Buffer): Buffer {
  let result = bytes;
  for (let left = 1 + (random() % MAX_CHANGES); left > 0; left--) {
    result = (CHANGES[random() % CHANGES.length] as Change)(result, random, other);
  }
  return result.subarray(0, MAX_LENGTH);
}

function change(bytes: Buffer, random: Random, to: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  const at = random() % copy.length;
  copy[at] = to(copy[at] as number);
  return copy;
}

/** A random range, short ones more often than long ones. */
function range(bytes: Buffer, random: Random): [from: number, to: number] {
  const from = random() % (bytes.length + 1);
  const longest = random() % 4 === 0 ? bytes.length : 64;
  return [from, Math.min(bytes.length, from + (random() % (longest + 1)))];
}
