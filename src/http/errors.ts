/** What can be wrong with HTTP bytes from outside. Messages never repeat what the peer sent: it may be a credential. */

/** A request head is wrong, late or cut; `status` is the answer it deserves before the connection is closed. */
export class HeadError extends Error {
  /** Stable: `HEAD_BARE_LF`, `HEAD_TOO_LARGE`, … */
  readonly code: string;
  /** HTTP status, 400 where nothing fits better. */
  readonly status: number;
  /** Fields that the answer has to carry with this status. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: string,
    message: string,
    { status = 400, headers = {}, cause }: { status?: number; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'HeadError';
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** A request body does not follow its framing. It comes after the answer, so there is no status: the connection ends. */
export class BodyError extends Error {
  /** Stable: `BODY_CHUNK_SIZE`, `BODY_BARE_LF`, … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}
