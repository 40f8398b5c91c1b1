import { type Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { ComponentError, type ErrorCode } from '../errors.ts';
import type { Logger } from '../log.ts';

/** The whole table from this project's errors to gRPC's. daprd's resiliency policies match on it. */
const table: Record<ErrorCode, status> = {
  'invalid-config': status.INVALID_ARGUMENT,
  'invalid-request': status.INVALID_ARGUMENT,
  'not-initialised': status.FAILED_PRECONDITION,
  'no-stream': status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  taken: status.UNAVAILABLE,
  closed: status.UNAVAILABLE,
  timeout: status.DEADLINE_EXCEEDED,
  internal: status.INTERNAL,
};

/** What a call ends with after `thrown`. A defect (`internal`) is logged here, with its stack. */
export function toStatus(
  thrown: unknown,
  log: Logger,
): Partial<StatusObject> & { metadata?: Metadata } {
  const error = ComponentError.from(thrown);
  if (error.code === 'internal') {
    log.error({ err: error.cause ?? error }, `internal error: ${error.message}`);
  }
  return { code: table[error.code], details: error.message };
}
