import type { Random } from './mutate.js';

/** Something that takes hostile bytes. What it throws is a finding, and so is what it makes wrong. */
export interface Stage {
  readonly name: string;
  /** Input that it understands. */
  seeds(): Promise<readonly Buffer[]>;
  /** Damage that keeps the shape of an input, which chance alone would seldom do. It takes turns with the damage of bytes. */
  damage?(input: Buffer, random: Random): Buffer;
  /** Gives kinds of what was told: an input that brings a new one is worth going on with. Throws what is a finding. */
  run(input: Buffer): Promise<readonly string[]> | readonly string[];
}
