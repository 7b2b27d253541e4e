/** A fuzzer for one stage, guided by coverage, and by CPU time if the stage has a parser. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { CostOracle } from './cost.js';
import { Coverage } from './coverage.js';
import { mutate, type Random, randomFrom } from './mutate.js';
import type { Stage } from './stage.js';
import { Watchdog } from './watchdog.js';

const FOLDER = '.fuzz';
/** Largest number of inputs that are kept for mutation. */
const MAX_CORPUS = 2000;
/**
 * Number of inputs between two reads of the coverage: small while inputs execute new source, large when most of the
 * time would be spent on reading the coverage.
 */
const BATCH = { least: 8, most: 1024 };
/** For each so many inputs of a batch, the CPU time of one is measured. Such inputs are long. */
const INPUTS_PER_MEASUREMENT = 4;

export class Fuzzer {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #corpus: Buffer[] = [];
  readonly #kinds = new Set<string>();
  readonly #coverage = new Coverage();
  readonly #watchdog: Watchdog;
  readonly #cost: CostOracle | undefined;
  /** Random numbers for inputs that are measured. Their choice depends on time, all others can be repeated. */
  readonly #costRandom: Random;
  #batch = BATCH.least;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
    this.#costRandom = randomFrom(random());
    this.#cost = stage.parser && new CostOracle(stage.parser);
    mkdirSync(FOLDER, { recursive: true });
    this.#watchdog = new Watchdog(`${FOLDER}/${stage.name}-hang.bin`);
  }

  /** The results so far as text. */
  get summary(): string {
    const cost = this.#cost ? `, ${Math.round(this.#cost.highest * 100)} % of the CPU time allowed` : '';
    return `${this.#kinds.size} kinds of events, ${this.#coverage.size} characters of source${cost}`;
  }

  /** Runs the seeds and adds them to the corpus. */
  async addSeeds(seeds: readonly Buffer[]): Promise<void> {
    this.#corpus.push(...seeds);
    this.#cost?.addSeeds(seeds);
    this.#coverage.take();
    for (const seed of seeds) await this.#run(seed);
    this.#coverage.add(this.#coverage.take());
  }

  /**
   * Runs one batch, which ends early at the time `end`. Returns the number of inputs. Except for the measurements of CPU
   * time nothing else depends on the time, so that a run can be repeated.
   */
  async runBatch(end: number): Promise<number> {
    const inputs: Buffer[] = [];
    while (inputs.length < this.#batch && performance.now() < end) {
      const input = this.#nextInput();
      inputs.push(input);
      if (await this.#run(input)) this.#keep(input);
    }
    const next = (await this.#keepCovering(inputs)) ? this.#batch / 2 : this.#batch * 2;
    if (this.#cost) await this.#measureCost(this.#cost, Math.ceil(inputs.length / INPUTS_PER_MEASUREMENT), end);
    this.#batch = Math.min(Math.max(next, BATCH.least), BATCH.most);
    return inputs.length;
  }

  async #measureCost(cost: CostOracle, count: number, end: number): Promise<void> {
    for (let left = count; left > 0 && performance.now() < end; left--) {
      const input = cost.next(this.#costRandom);
      await this.#watch(input, () => cost.check(input));
    }
    // The source that these inputs executed is not new for others, which are kept by it.
    this.#coverage.take();
  }

  async stop(): Promise<void> {
    this.#coverage.stop();
    await this.#watchdog.stop();
  }

  #nextInput(): Buffer {
    const { mutate: mutateStructure } = this.#stage;
    const isStructured = mutateStructure && this.#random() % 2 === 0;
    return isStructured
      ? mutateStructure(this.#pick(), this.#random)
      : mutate(this.#pick(), this.#random, this.#pick());
  }

  #pick(): Buffer {
    return this.#corpus[this.#random() % this.#corpus.length] as Buffer;
  }

  #keep(input: Buffer): void {
    if (this.#corpus.length < MAX_CORPUS) this.#corpus.push(Buffer.from(input));
  }

  /**
   * Keeps the inputs of the last run that executed new source. Reading the coverage after every input would take most
   * of the time, so the inputs are bisected: halves with new source run again until one input is left.
   */
  async #keepCovering(inputs: readonly Buffer[]): Promise<boolean> {
    const covered = this.#coverage.take();
    if (!this.#coverage.isNew(covered)) return false;
    if (inputs.length === 1) {
      this.#coverage.add(covered);
      this.#keep(inputs[0] as Buffer);
      return true;
    }
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      for (const input of half) await this.#run(input);
      await this.#keepCovering(half);
    }
    return true;
  }

  /** Runs an input. Returns whether it caused a new kind of event. */
  async #run(input: Buffer): Promise<boolean> {
    const before = this.#kinds.size;
    await this.#watch(input, async () => {
      for (const kind of await this.#stage.run(input)) this.#kinds.add(kind);
    });
    return this.#kinds.size > before;
  }

  /** Writes the input to a file if `act` throws or hangs. */
  async #watch(input: Buffer, act: () => Promise<void>): Promise<void> {
    this.#watchdog.begin(input);
    try {
      await act();
    } catch (error) {
      const name = createHash('sha256').update(input).digest('hex').slice(0, 12);
      const file = `${FOLDER}/${this.#stage.name}-${name}.bin`;
      writeFileSync(file, input);
      throw new Error(`an input of ${input.length} bytes fails, it is in ${file}`, { cause: error });
    }
  }
}
