/** Errors in HTTP requests. Their messages never contain bytes of the request, which may be credentials. */

/** A request head is invalid, late or truncated. The caller responds with `status` and closes the connection. */
export class HeadError extends Error {
  /** Stable: `HEAD_BARE_LF`, `HEAD_TOO_LARGE`, … */
  readonly code: string;
  /** HTTP status code of the response; the default is 400. */
  readonly status: number;
  /** Header fields that the response with this status must have. */
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

/**
 * A request body violates its framing. The response has already been sent, so the caller can only close the connection.
 */
export class BodyError extends Error {
  /** Stable: `BODY_CHUNK_SIZE`, `BODY_BARE_LF`, … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}
