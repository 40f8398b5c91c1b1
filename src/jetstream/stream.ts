import { JetStreamApiError } from '@nats-io/jetstream';
import { RequestError, TimeoutError } from '@nats-io/transport-node';
import { ComponentError, messageOf } from '../errors.ts';
import type { Connection } from './connection.ts';

/**
 * The stream that takes a subject, or the one named.
 *
 * @throws ComponentError `no-stream`, saying how to create one; `unavailable`
 */
export async function findStream(
  connection: Connection,
  subject: string,
  streamName?: string,
): Promise<string> {
  const found = await streamsOf(connection, subject);
  if (streamName === undefined) {
    const [first, second] = found;
    if (second) {
      throw new ComponentError(
        'no-stream',
        `several streams take the subject "${subject}" (${found.join(', ')}): set streamName`,
      );
    }
    if (first) return first;
    throw noStream(subject);
  }
  if (found.includes(streamName)) return streamName;
  throw new ComponentError(
    'no-stream',
    `there is no stream "${streamName}" that takes the subject "${subject}"; create it: ` +
      `nats stream add ${streamName} --subjects '${subject}' --defaults`,
  );
}

/** @throws ComponentError `unavailable` */
export async function streamsOf(connection: Connection, subject: string): Promise<string[]> {
  try {
    return await connection.api.streams.names(subject).next();
  } catch (error) {
    throw fromApi(error);
  }
}

export function noStream(subject: string): ComponentError {
  return new ComponentError(
    'no-stream',
    `no stream takes the subject "${subject}"; create one: ` +
      `nats stream add NAME --subjects '${subject}' --defaults`,
  );
}

/** Any failure of JetStream's API, with what it means for the caller. */
export function fromApi(error: unknown): ComponentError {
  if (error instanceof ComponentError) return error;
  const options = { cause: error };
  const cause = error instanceof Error ? error.cause : undefined;
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
