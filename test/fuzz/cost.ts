/**
 * Limits the CPU time that an input may cause, and collects the inputs that cause most. A parser whose time grows faster
 * than its input lets one client occupy the gateway with few bytes.
 */
import { mutate, type Random } from './mutate.js';

/** The limits, in nanoseconds of CPU time. */
export const MAX_COST = {
  /** For each byte. A client that sends a megabyte a second uses less than a tenth of a core. */
  byte: 70,
  /** For each piece. It arrived in a TLS record or a TCP segment of its own, whose receipt costs as much. */
  piece: 3_000,
  /** For each input of any length: a new parser, an error with its stack, the check of one signature. */
  input: 1_000_000,
  /** For one call, while all other sessions wait. */
  call: 5_000_000,
} as const;

/** What one read of a socket returns at most. */
const READ_BYTES = 64 * 1024;
/** Largest number of single bytes that are passed one by one. Time that grows with their square is then far too much. */
const MAX_SINGLE_BYTES = 8 * 1024;
/**
 * How often an input above a limit is measured again, and for how long. Another process, the compiler or the garbage
 * collector may have used the time. They do not do so in every run, so the least time counts.
 */
const REPEATS = { most: 20, nanoseconds: 500_000_000 };
/** How often the time of an input is measured before it is kept as an expensive one. */
const REPEATS_TO_KEEP = 3;
/** Number of expensive inputs that are kept. */
const MAX_KEPT = 64;
/** A part that is repeated has up to 32 bytes. */
const MAX_UNIT_BITS = 6;
/** The shortest result of a repetition has a kilobyte. */
const MAX_HALVINGS = 7;
/** Bytes that are kept before and behind a repeated part. */
const MAX_ENDS = 1024;

/**
 * Processes one piece of an input. Returns whether the parser reads on. A call that answers later counts with its time
 * on all threads.
 */
export type Feed = (piece: Buffer) => boolean | Promise<boolean>;

/** Returns the CPU time of the process in nanoseconds. */
export type CpuClock = () => number;

export class CostOracle {
  readonly #parser: () => Feed;
  readonly #clock: CpuClock;
  readonly #seeds: Buffer[] = [];
  /** The most expensive inputs, in descending order. */
  readonly #kept: { readonly input: Buffer; readonly share: number }[] = [];

  /** @param parser returns a new parser */
  constructor(parser: () => Feed, clock: CpuClock = cpuOfProcess) {
    this.#parser = parser;
    this.#clock = clock;
  }

  /** The highest share of a limit that an input reached so far, 0 to 1. */
  get highest(): number {
    return this.#kept[0]?.share ?? 0;
  }

  /** The kept inputs, the most expensive first. */
  get kept(): readonly Buffer[] {
    return this.#kept.map(({ input }) => input);
  }

  addSeeds(seeds: readonly Buffer[]): void {
    this.#seeds.push(...seeds);
  }

  /** Checks the input in the pieces that a socket returns at most, and byte by byte. Throws above a limit. */
  async check(input: Buffer): Promise<void> {
    const large = pieces(input, READ_BYTES).map((piece) => [piece]);
    const single = [pieces(input.subarray(0, MAX_SINGLE_BYTES), 1)];
    let share = 0;
    for (const groups of [large, single]) {
      const measured = await this.#measure(groups);
      const repeats = measured.share > 1 ? REPEATS.most : REPEATS_TO_KEEP;
      const least = measured.share > this.#leastKept ? await this.#repeat(groups, measured, repeats) : measured;
      if (least.share > 1) throw new Error(`${least.what}, at least ${Math.ceil(least.share * 100)} % of the limit`);
      share = Math.max(share, least.share);
    }
    if (share > this.#leastKept) this.#keep(input, share);
  }

  /** An input to check next: an expensive one or a seed, mutated, or with a part repeated. */
  next(random: Random): Buffer {
    const isFromSeeds = random() % 2 === 0 || this.#kept.length === 0;
    const from = isFromSeeds ? this.#seeds : this.kept;
    const pick = (): Buffer => from[random() % from.length] as Buffer;
    const [input, other] = [pick(), pick()];
    if (random() % 3 === 0) return mutate(input, random, other);
    // A short seed has fewer parts that are not worth repeating.
    return repeatPart(isFromSeeds && other.length < input.length ? other : input, random);
  }

  get #leastKept(): number {
    return this.#kept[MAX_KEPT - 1]?.share ?? 0;
  }

  #keep(input: Buffer, share: number): void {
    const at = this.#kept.findIndex((one) => one.share < share);
    this.#kept.splice(at < 0 ? this.#kept.length : at, 0, { input: Buffer.from(input), share });
    this.#kept.length = Math.min(this.#kept.length, MAX_KEPT);
  }

  /** The run with the least share, of REPEATS_TO_KEEP, and of up to `most` while all are above the limit. */
  async #repeat(groups: Groups, first: Measured, most: number): Promise<Measured> {
    let least = first;
    let spent = first.nanoseconds;
    for (let run = 1; run < most; run++) {
      if (run >= REPEATS_TO_KEEP && (least.share <= 1 || spent > REPEATS.nanoseconds)) break;
      const again = await this.#measure(groups);
      spent += again.nanoseconds;
      if (again.share < least.share) least = again;
    }
    return least;
  }

  /** Measures each group of pieces. The highest share counts: of the limit for one call, or of that for all bytes. */
  async #measure(groups: Groups): Promise<Measured> {
    const feed = this.#parser();
    const all = { nanoseconds: 0, bytes: 0, pieces: 0 };
    let longest = 0;
    for (const group of groups) {
      const copies = group.map((piece) => Buffer.from(piece));
      const start = this.#clock();
      const readsOn = await feedAll(feed, copies);
      const nanoseconds = this.#clock() - start;
      all.nanoseconds += nanoseconds;
      all.pieces += group.length;
      all.bytes += group.reduce((sum, { length }) => sum + length, 0);
      if (group.length === 1) longest = Math.max(longest, nanoseconds);
      if (!readsOn) break;
    }
    const ofCall = longest / MAX_COST.call;
    const ofAll = all.nanoseconds / (MAX_COST.input + all.bytes * MAX_COST.byte + all.pieces * MAX_COST.piece);
    const what =
      ofCall > ofAll
        ? 'one call takes'
        : `${all.bytes} bytes in ${all.pieces} ${all.pieces === 1 ? 'piece' : 'pieces'} take`;
    const time = ofCall > ofAll ? longest : all.nanoseconds;
    return { share: Math.max(ofCall, ofAll), nanoseconds: all.nanoseconds, what: `${what} ${format(time)}` };
  }
}

/** Pieces of an input. The time of each group is measured. */
type Groups = readonly (readonly Buffer[])[];

interface Measured {
  /** The share of the limit that was used. */
  readonly share: number;
  readonly nanoseconds: number;
  readonly what: string;
}

async function feedAll(feed: Feed, pieces: readonly Buffer[]): Promise<boolean> {
  for (const piece of pieces) {
    const answer = feed(piece);
    if (!(typeof answer === 'boolean' ? answer : await answer)) return false;
  }
  return true;
}

function pieces(bytes: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  );
}

/**
 * Repeats a part of the input, more often a short one. The start and the end stay. The result has the length of a read
 * or a fraction of it, because parsers have limits, and ends that are too long cost nothing.
 */
function repeatPart(input: Buffer, random: Random): Buffer {
  const from = random() % Math.max(1, input.length);
  const unit = input.subarray(from, from + 1 + (random() % (1 << (random() % MAX_UNIT_BITS))));
  const start = input.subarray(0, Math.min(from, MAX_ENDS));
  const end = input.subarray(Math.max(from, input.length - MAX_ENDS));
  const length = READ_BYTES >> (random() % MAX_HALVINGS);
  const count = Math.max(1, Math.floor((length - start.length - end.length) / Math.max(1, unit.length)));
  return Buffer.concat([start, ...Array.from({ length: count }, () => unit), end]);
}

function cpuOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function format(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(1)} ms of CPU time`;
}
