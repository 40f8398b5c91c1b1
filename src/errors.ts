/**
 * What went wrong, in words that neither gRPC nor NATS knows.
 *
 * - `invalid-config`: the Component's metadata; mending needs a changed YAML
 * - `invalid-request`: this one call; the same call will fail again
 * - `not-initialised`: no Init was seen for this connection and Component
 * - `no-stream`: no JetStream stream takes the subject
 * - `unauthenticated`: the server refused the credentials
 * - `forbidden`: the server lets this user not do it
 * - `unavailable`: the server cannot be reached, or cannot answer now
 * - `taken`: another client has what only one can have
 * - `closed`: this component instance, or the process, is ending
 * - `timeout`: no answer within the limit
 * - `internal`: a defect here
 */
export type ErrorCode =
  | 'invalid-config'
  | 'invalid-request'
  | 'not-initialised'
  | 'no-stream'
  | 'unauthenticated'
  | 'forbidden'
  | 'unavailable'
  | 'taken'
  | 'closed'
  | 'timeout'
  | 'internal';

/** The one error that crosses from room to room. Its message is meant for the operator. */
export class ComponentError extends Error {
  override readonly name = 'ComponentError';
  readonly code: ErrorCode;
  /** What the message lists, one by one. */
  readonly problems: readonly string[];
  /** Whether what was asked for may have been done all the same. */
  readonly inDoubt: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly string[]; inDoubt?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [message];
    this.inDoubt = options.inDoubt ?? false;
  }

  /** Anything thrown, as a ComponentError; what is none already becomes `internal`. */
  static from(thrown: unknown): ComponentError {
    if (thrown instanceof ComponentError) return thrown;
    return new ComponentError('internal', messageOf(thrown), { cause: thrown });
  }
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}
