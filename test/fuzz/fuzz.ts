/**
 * Throws damaged input at a stage for FUZZ_SECONDS. What brings a kind of event that was not seen before is damaged further.
 * A finding is left in `.fuzz/`; once it is mended the input moves to `test/vectors/found/`, where a unit test repeats it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { mutate, randomFrom } from './mutate.js';
import type { Stage } from './stages.js';
import { Watchdog } from './watchdog.js';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);
/** A new one each day, so that a run can be repeated and runs still differ; FUZZ_SEED sets another. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));
const FOLDER = '.fuzz';
/** Inputs that are gone on with. */
const MAX_CORPUS = 2000;

export function fuzz(stage: Stage): void {
  const timeout = SECONDS * 1000 + 120_000;
  it(`${stage.name}: ${SECONDS} s with seed ${SEED}`, { timeout }, async () => {
    mkdirSync(FOLDER, { recursive: true });
    const corpus = [...(await stage.seeds())];
    const seen = new Set<string>();
    const random = randomFrom(SEED);
    const any = (): Buffer => corpus[random() % corpus.length] as Buffer;
    const watchdog = new Watchdog(`${FOLDER}/${stage.name}-hang.bin`);
    const end = performance.now() + SECONDS * 1000;
    let runs = 0;
    for (const seed of corpus) for (const kind of await stage.run(seed)) seen.add(kind);
    const known = seen.size;
    for (; performance.now() < end; runs++) {
      const input = mutate(any(), random, any());
      watchdog.begin(input);
      const kinds = await attempt(stage, input);
      const isNew = kinds.some((kind) => !seen.has(kind));
      for (const kind of kinds) seen.add(kind);
      if (isNew && corpus.length < MAX_CORPUS) corpus.push(Buffer.from(input));
    }
    await watchdog.stop();
    process.stderr.write(
      `fuzz: ${stage.name}: ${runs} inputs, ${seen.size} kinds of events (${known} from the seeds)\n`,
    );
    expect(runs).toBeGreaterThan(0);
  });
}

async function attempt(stage: Stage, input: Buffer): Promise<readonly string[]> {
  try {
    return await stage.run(input);
  } catch (error) {
    const name = createHash('sha256').update(input).digest('hex').slice(0, 12);
    const file = `${FOLDER}/${stage.name}-${name}.bin`;
    writeFileSync(file, input);
    throw new Error(`an input of ${input.length} bytes fails, it is in ${file}`, { cause: error });
  }
}
