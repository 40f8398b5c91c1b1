import { type JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { PermissionViolationError, RequestError, TimeoutError } from '@nats-io/transport-node';
import { ComponentError, messageOf } from '../errors.ts';
import { refusal } from './permissions.ts';

/** What a call gives, or undefined where the server says that there is no such thing. */
export async function ifThere<Value>(
  call: Promise<Value>,
  notFound: JetStreamApiCodes,
): Promise<Value | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === notFound) return undefined;
    throw error;
  }
}

/** Any failure of JetStream's API, with what it means for the caller. */
export function fromApi(error: unknown): ComponentError {
  if (error instanceof ComponentError) return error;
  const options = { cause: error };
  const cause = error instanceof Error ? error.cause : undefined;
  for (const one of [error, cause])
    if (one instanceof PermissionViolationError) return refusal(one);
  if (cause instanceof RequestError && cause.isNoResponders()) {
    return new ComponentError(
      'unavailable',
      'the NATS server does not answer for JetStream: it is off, or off for this account, ' +
        'or has no leader now',
      options,
    );
  }
  if (error instanceof JetStreamApiError) {
    // 10058 and 10059: a stream that is not there, or is not any more.
    const code = error.code === 10059 || error.code === 10058 ? 'no-stream' : 'unavailable';
    return new ComponentError(code, `JetStream: ${error.message} (${error.code})`, options);
  }
  if (error instanceof TimeoutError) {
    return new ComponentError('timeout', 'JetStream did not answer in time', options);
  }
  const why = error instanceof RequestError ? 'no answer from JetStream' : 'NATS';
  return new ComponentError('unavailable', `${why}: ${messageOf(error)}`, options);
}
