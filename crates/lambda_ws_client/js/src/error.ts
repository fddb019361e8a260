/** The codes of the client's own errors. The server and its application define others. */
export type ErrorCode =
  | "rejected"
  | "unreachable"
  | "not_opened"
  | "timeout"
  | "url"
  | "token"
  | "lost"
  | "no_answer"
  | "closed"
  | "queue_full"
  | "too_long"
  | "overflow"
  | (string & {});

/** The details of a `ClientError`. */
export interface ErrorDetails {
  /** The request id of the function, for its logs. */
  requestId?: string;
  /** The status of the rejected handshake, or the code of the close frame. */
  status?: number;
  /** The error of the application's callback, or of the platform. */
  cause?: unknown;
  /** Whether the client tries again by itself. */
  retrying?: boolean;
}

/** The error of a request, a room or a connection. `code` says which. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ErrorCode;
  readonly requestId?: string;
  readonly status?: number;
  readonly retrying?: boolean;

  constructor(code: ErrorCode, message: string, { cause, ...details }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, details);
  }
}
