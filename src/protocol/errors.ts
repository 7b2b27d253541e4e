/** What can be wrong with bytes from outside. Plain fields, so that a log line or a tree node can say where. */

/** The bytes of one PDU do not follow the layout of MS-TSGU 2.2.10. */
export class PduError extends Error {
  /** Stable: `PDU_SHORT`, `PDU_LENGTH`, `PDU_COUNT`, `PDU_STRING`, `PDU_TYPE` or `PDU_VALUE`. */
  readonly code: string;
  /** Name of the field that could not be read or written. */
  readonly field: string;
  /** Byte offset in the PDU, counted from its header. */
  readonly offset: number;

  constructor(code: string, field: string, offset: number, message: string) {
    super(`${field} at byte ${offset}: ${message}`);
    this.name = 'PduError';
    this.code = code;
    this.field = field;
    this.offset = offset;
  }
}

/** A well-formed PDU that the other side may not send now (MS-TSGU 3.3.5). */
export class ProtocolError extends Error {
  /** Stable: `OUT_OF_ORDER` or `VERSION`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

/** A named cap was reached; the connection that reached it is ended. */
export class LimitError extends Error {
  /** The cap's name, `MAX_CONTROL_PDU`. */
  readonly limit: string;

  constructor(limit: string, message: string) {
    super(message);
    this.name = 'LimitError';
    this.limit = limit;
  }
}
