/** The framing that a transport adds to each PDU sent to the client. */
export interface Envelope {
  /** Largest number of bytes added to one PDU. */
  readonly maxOverhead: number;
  /** Writes the bytes before a PDU of `length` bytes to `to` at offset `at`. Returns the offset of the PDU. */
  writePrefix(to: Buffer, at: number, length: number): number;
  /** Writes the bytes after a PDU to `to` at offset `at`. Returns the offset after them. */
  writeSuffix(to: Buffer, at: number): number;
}

/** No framing: a plain stream of PDUs, delimited by their own length fields. */
export const NO_ENVELOPE: Envelope = { maxOverhead: 0, writePrefix: (_to, at) => at, writeSuffix: (_to, at) => at };
