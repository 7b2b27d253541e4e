/**
 * Throws damaged input at a stage for FUZZ_SECONDS. What brings a kind of event that was not seen before, or runs source that
 * never ran, is damaged further. A finding is left in `.fuzz/`; once it is mended the input moves to `test/vectors/found/`,
 * where a unit test repeats it.
 */
import { expect, it } from 'vitest';
import { Hunt } from './hunt.js';
import { randomFrom } from './mutate.js';
import type { Stage } from './stage.js';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);
/** A new one each day, so that a run can be repeated and runs still differ; FUZZ_SEED sets another. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));

export function fuzz(stage: Stage): void {
  const timeout = SECONDS * 1000 + 120_000;
  it(`${stage.name}: ${SECONDS} s with seed ${SEED}`, { timeout }, async () => {
    const hunt = new Hunt(stage, randomFrom(SEED));
    await hunt.plant(await stage.seeds());
    const planted = hunt.found;
    let inputs = 0;
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) inputs += await hunt.round(end);
    await hunt.stop();
    process.stderr.write(`fuzz: ${stage.name}: ${inputs} inputs, ${hunt.found} (from the seeds: ${planted})\n`);
    expect(inputs).toBeGreaterThan(0);
  });
}
