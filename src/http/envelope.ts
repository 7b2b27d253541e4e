/** What a transport puts around each PDU on its way to the client. */
export interface Envelope {
  /** Most bytes around one PDU. */
  readonly most: number;
  /** Writes what stands in front of a PDU of `length` bytes to `to`, from `at` on; returns where the PDU begins. */
  before(to: Buffer, at: number, length: number): number;
  /** Writes what stands behind it; returns where the next envelope begins. */
  after(to: Buffer, at: number): number;
}

/** A stream of PDUs whose own lengths are all there is. */
export const BARE: Envelope = { most: 0, before: (_to, at) => at, after: (_to, at) => at };
