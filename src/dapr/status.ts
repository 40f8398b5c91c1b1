import { ComponentError, type ErrorCode } from '../errors.ts';
import { type Code, code, type Status } from '../grpc/status.ts';
import type { Logger } from '../log.ts';

/** The whole table from this project's errors to gRPC's. daprd's resiliency policies match on it. */
const table: Record<ErrorCode, Code> = {
  'invalid-config': code.INVALID_ARGUMENT,
  'invalid-request': code.INVALID_ARGUMENT,
  'not-initialised': code.FAILED_PRECONDITION,
  'no-stream': code.FAILED_PRECONDITION,
  unauthenticated: code.UNAUTHENTICATED,
  forbidden: code.PERMISSION_DENIED,
  unavailable: code.UNAVAILABLE,
  taken: code.UNAVAILABLE,
  closed: code.UNAVAILABLE,
  timeout: code.DEADLINE_EXCEEDED,
  internal: code.INTERNAL,
};

/** Returns the status that a call ends with after `thrown`. Logs a defect (`internal`) with its stack. */
export function toStatus(thrown: unknown, log: Logger): Status {
  const error = ComponentError.from(thrown);
  if (error.code === 'internal') {
    log.error({ err: error.cause ?? error }, `internal error: ${error.message}`);
  }
  return { code: table[error.code], message: error.message };
}
