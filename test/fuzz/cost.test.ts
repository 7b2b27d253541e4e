import { describe, expect, it } from 'vitest';
import { CostOracle, type Feed, MAX_COST } from './cost.js';
import { randomFrom } from './mutate.js';

const KIB = Buffer.alloc(1024, 'some text ');

/** A parser whose calls take the time that `nanoseconds` returns, on a clock of its own. */
function oracleFor(nanoseconds: (bytes: Buffer, before: number) => number): CostOracle {
  let now = 0;
  const parser = (): Feed => {
    let before = 0;
    return (piece) => {
      now += nanoseconds(piece, before);
      before += piece.length;
      return true;
    };
  };
  return new CostOracle(parser, () => now);
}

/** Checks inputs that the oracle proposes. Returns the message of its finding. */
async function search(oracle: CostOracle, seed: Buffer): Promise<string | undefined> {
  oracle.addSeeds([seed]);
  const random = randomFrom(1);
  for (let turn = 0; turn < 100; turn++) {
    try {
      await oracle.check(oracle.next(random));
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

describe('CostOracle', () => {
  it('accepts a parser in linear time, in any number of pieces', async () => {
    const oracle = oracleFor(({ length }) => MAX_COST.byte * length);
    expect(await search(oracle, KIB)).toBeUndefined();
    expect(oracle.highest).toBeGreaterThan(0.8);
  });

  it('finds a parser whose time grows with the square of a piece, from a seed that is far below the limit', async () => {
    const oracle = oracleFor(({ length }) => length ** 2 / 10);
    await oracle.check(KIB);
    expect(await search(oracle, KIB)).toMatch(/bytes in 1 piece take .* of CPU time, at least \d+ % of the limit/);
  });

  it('finds a parser that reads everything again with each piece', async () => {
    const oracle = oracleFor(({ length }, before) => before + length);
    expect(await search(oracle, KIB)).toMatch(/^\d+ bytes in \d+ pieces take /);
  });

  it('finds one repeated byte among others that costs too much', async () => {
    const oracle = oracleFor((bytes) => {
      let commas = 0;
      for (const byte of bytes) if (byte === 0x2c) commas++;
      return commas * 5 * MAX_COST.byte;
    });
    expect(await search(oracle, Buffer.from('a list, with commas'))).toMatch(/take/);
  });

  it('finds a single call that takes too long, though all bytes together may take as much', async () => {
    const oracle = oracleFor(({ length }, before) => (before === 0 ? length * MAX_COST.byte * 1.2 : 0));
    await expect(oracle.check(Buffer.alloc(640 * 1024))).rejects.toThrow('one call takes');
  });

  it('ignores time that an input takes once and not again', async () => {
    let calls = 0;
    const oracle = oracleFor(() => (calls++ % 4 === 0 ? 10 * MAX_COST.call : 1000));
    await oracle.check(KIB.subarray(0, 1));
    expect(oracle.highest).toBeLessThan(0.1);
  });

  it('keeps the most expensive inputs, and mutates them', async () => {
    const oracle = oracleFor((bytes) => (bytes[0] ?? 0) * 1000);
    for (const first of [1, 200, 7]) await oracle.check(Buffer.from([first]));
    expect(oracle.kept.map((input) => input[0])).toEqual([200, 7, 1]);
    oracle.addSeeds([Buffer.from([1])]);
    const random = randomFrom(2);
    expect(Array.from({ length: 50 }, () => oracle.next(random)[0])).toContain(200);
  });

  it('measures real time: a loop over all pairs of bytes is found', async () => {
    const parser = (): Feed => (piece) => {
      let sum = 0;
      for (const one of piece) for (const other of piece) sum += one ^ other;
      return sum < 0;
    };
    await expect(new CostOracle(parser).check(Buffer.alloc(4096))).rejects.toThrow('of CPU time');
  });

  it('awaits an answer, and stops at its end', async () => {
    const pieces: number[] = [];
    const parser = (): Feed => async (piece) => {
      pieces.push(piece.length);
      return pieces.length % 2 === 1;
    };
    await new CostOracle(parser, () => 0).check(Buffer.alloc(5));
    expect(pieces).toEqual([5, 1]);
  });
});
