/** The bytes of a PDU, or the values to encode, do not follow the layout of MS-TSGU 2.2.10. */
export class PduError extends Error {
  /** Stable: `PDU_SHORT`, `PDU_LENGTH`, `PDU_COUNT`, `PDU_STRING`, `PDU_TYPE` or `PDU_VALUE`. */
  readonly code: string;
  /** Name of the field that could not be read or written. */
  readonly field: string;
  /** Byte offset from the start of the PDU's header. 0 if the error occurred while encoding. */
  readonly offset: number;

  constructor(code: string, field: string, offset: number, message: string) {
    super(`${field} at byte ${offset}: ${message}`);
    this.name = 'PduError';
    this.code = code;
    this.field = field;
    this.offset = offset;
  }
}

/** A well-formed PDU is not allowed in the current state (MS-TSGU 3.3.5, 3.7.5). */
export class ProtocolError extends Error {
  /** Stable: `OUT_OF_ORDER`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

/** A limit was exceeded. The caller has to close the connection. */
export class LimitError extends Error {
  /** Name of the limit: `MAX_CONTROL_PDU`, `MAX_DATA_PDU` or `MAX_WAITING`. */
  readonly limit: string;

  constructor(limit: string, message: string) {
    super(message);
    this.name = 'LimitError';
    this.limit = limit;
  }
}
