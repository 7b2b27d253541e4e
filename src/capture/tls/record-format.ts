/** Types and record layout shared by all cipher suites. */

/** Decrypts and authenticates the records of one direction under one set of keys. */
export interface Opener {
  /** Record length minus content length, without TLS 1.3 padding; undefined when it varies (CBC). */
  readonly overhead: number | undefined;
  /**
   * Opens a whole record including its header. `sequence` is the record sequence number, from 0 for each set of keys.
   * Returns the plaintext, in TLS 1.3 with the content type and padding at its end; undefined when the record does not
   * authenticate.
   */
  open(record: Buffer, sequence: number): Buffer | undefined;
}

/** Bytes of a record header: type, version (2), length (2). */
export const RECORD_HEADER = 5;

const TWO_POW_32 = 0x1_0000_0000;

/** Writes the 13 bytes that TLS 1.2 authenticates before the content: sequence number, type, version and length. */
export function writeMacHeader(into: Buffer, record: Buffer, sequence: number, length: number): void {
  into.writeUInt32BE(Math.floor(sequence / TWO_POW_32), 0);
  into.writeUInt32BE(sequence % TWO_POW_32, 4);
  record.copy(into, 8, 0, 3);
  into.writeUInt16BE(length, 11);
}
