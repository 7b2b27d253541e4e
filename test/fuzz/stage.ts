/** Something that takes hostile bytes. What it throws is a finding, and so is what it makes wrong. */
export interface Stage {
  readonly name: string;
  /** Input that it understands. */
  seeds(): Promise<readonly Buffer[]>;
  /** Gives kinds of what was told: an input that brings a new one is worth going on with. Throws what is a finding. */
  run(input: Buffer): Promise<readonly string[]> | readonly string[];
}
