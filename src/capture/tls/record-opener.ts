/** What every cipher suite has in common: the shape of a record, and of what is authenticated beside its content. */

export interface Opener {
  /** How much longer a record is than what is in it, header included (TLS 1.3: unless it is padded); undefined when that varies. */
  readonly overhead: number | undefined;
  /**
   * Opens a whole record, header included. `sequence` counts records from 0 since these keys came into use. Returns what was
   * protected, in TLS 1.3 with the content type and padding still behind it; undefined when the record does not authenticate.
   */
  open(record: Buffer, sequence: number): Buffer | undefined;
}

export const RECORD_HEADER = 5;

const WORD = 0x1_0000_0000;

/** Sequence number, type, version and length: what TLS 1.2 authenticates in front of the content. */
export function writeMacHeader(into: Buffer, record: Buffer, sequence: number, length: number): void {
  into.writeUInt32BE(Math.floor(sequence / WORD), 0);
  into.writeUInt32BE(sequence % WORD, 4);
  record.copy(into, 8, 0, 3);
  into.writeUInt16BE(length, 11);
}
