/**
 * Fuzzes a stage for FUZZ_SECONDS. Inputs that cause a new kind of event or execute new source are mutated further. The
 * input of a finding is written to `.fuzz/`; after the fix it belongs in `test/vectors/found/`, where a unit test runs
 * it.
 */
import { expect, it } from 'vitest';
import { Fuzzer } from './fuzzer.js';
import { randomFrom } from './mutate.js';
import type { Stage } from './stage.js';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);
/** The default seed changes daily, so that runs differ but can be repeated. FUZZ_SEED sets it. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));

export function fuzz(stage: Stage): void {
  const timeout = SECONDS * 1000 + 120_000;
  it(`${stage.name}: ${SECONDS} s with seed ${SEED}`, { timeout }, async () => {
    const fuzzer = new Fuzzer(stage, randomFrom(SEED));
    await fuzzer.addSeeds(await stage.seeds());
    const fromSeeds = fuzzer.summary;
    let inputs = 0;
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) inputs += await fuzzer.runBatch(end);
    await fuzzer.stop();
    process.stderr.write(`fuzz: ${stage.name}: ${inputs} inputs, ${fuzzer.summary} (from the seeds: ${fromSeeds})\n`);
    expect(inputs).toBeGreaterThan(0);
  });
}
