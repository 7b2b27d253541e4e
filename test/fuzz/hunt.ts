/** One stage under damaged input: what it was given, what it told, and which source that ran. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Coverage } from './coverage.js';
import { mutate, type Random } from './mutate.js';
import type { Stage } from './stage.js';
import { Watchdog } from './watchdog.js';

const FOLDER = '.fuzz';
/** Inputs that are gone on with. */
const MAX_CORPUS = 2000;
/** Inputs between two looks at the coverage: few while each brings something, many when the looks are what takes time. */
const BATCH = { least: 8, most: 1024 };

export class Hunt {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #corpus: Buffer[] = [];
  readonly #kinds = new Set<string>();
  readonly #coverage = new Coverage();
  readonly #watchdog: Watchdog;
  #batch = BATCH.least;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
    mkdirSync(FOLDER, { recursive: true });
    this.#watchdog = new Watchdog(`${FOLDER}/${stage.name}-hang.bin`);
  }

  /** What the inputs led to so far, in words. */
  get found(): string {
    return `${this.#kinds.size} kinds of events, ${this.#coverage.size} characters of source`;
  }

  /** Runs what the hunt starts from. */
  async plant(seeds: readonly Buffer[]): Promise<void> {
    this.#corpus.push(...seeds);
    this.#coverage.take();
    for (const seed of seeds) await this.#run(seed);
    this.#coverage.learn(this.#coverage.take());
  }

  /** One batch, cut short at `end`; gives how many inputs it had. Time decides nothing else, so a run can be repeated. */
  async round(end: number): Promise<number> {
    const inputs: Buffer[] = [];
    while (inputs.length < this.#batch && performance.now() < end) {
      const input = this.#damaged();
      inputs.push(input);
      if (await this.#run(input)) this.#keep(input);
    }
    const next = (await this.#sift(inputs)) ? this.#batch / 2 : this.#batch * 2;
    this.#batch = Math.min(Math.max(next, BATCH.least), BATCH.most);
    return inputs.length;
  }

  async stop(): Promise<void> {
    this.#coverage.stop();
    await this.#watchdog.stop();
  }

  #damaged(): Buffer {
    const { damage } = this.#stage;
    const isShaped = damage && this.#random() % 2 === 0;
    return isShaped ? damage(this.#any(), this.#random) : mutate(this.#any(), this.#random, this.#any());
  }

  #any(): Buffer {
    return this.#corpus[this.#random() % this.#corpus.length] as Buffer;
  }

  #keep(input: Buffer): void {
    if (this.#corpus.length < MAX_CORPUS) this.#corpus.push(Buffer.from(input));
  }

  /**
   * Keeps those of the inputs, which have just run, that ran new source. A look for each would be all that time is spent on, so
   * halves that bring something run again until one input stands alone.
   */
  async #sift(inputs: readonly Buffer[]): Promise<boolean> {
    const ran = this.#coverage.take();
    if (!this.#coverage.isNew(ran)) return false;
    if (inputs.length === 1) {
      this.#coverage.learn(ran);
      this.#keep(inputs[0] as Buffer);
      return true;
    }
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      for (const input of half) await this.#run(input);
      await this.#sift(half);
    }
    return true;
  }

  /** Whether a kind of event was told that was not told before. */
  async #run(input: Buffer): Promise<boolean> {
    const before = this.#kinds.size;
    this.#watchdog.begin(input);
    try {
      for (const kind of await this.#stage.run(input)) this.#kinds.add(kind);
    } catch (error) {
      const name = createHash('sha256').update(input).digest('hex').slice(0, 12);
      const file = `${FOLDER}/${this.#stage.name}-${name}.bin`;
      writeFileSync(file, input);
      throw new Error(`an input of ${input.length} bytes fails, it is in ${file}`, { cause: error });
    }
    return this.#kinds.size > before;
  }
}
