import { JetStreamApiCodes } from '@nats-io/jetstream';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import { fromApi, ifThere } from './api-errors.ts';
import { ask } from './ask.ts';
import type { Connection } from './connection.ts';
import { streamsOf } from './stream-lookup.ts';
import { manageStream } from './stream-management.ts';
import { matches } from './subject.ts';

/**
 * The stream that takes a subject, or the one named; made or brought in line where
 * streamManagement says so.
 *
 * @throws ComponentError `no-stream`, saying how to create one; `invalid-config` where an existing
 *   stream cannot be brought in line; `unavailable`, `timeout`
 */
export async function findStream(
  connection: Connection,
  config: Config,
  subject: string,
): Promise<string> {
  const { streamName, streamManagement } = config;
  // A mirror, say, does not list the subject and has its messages all the same.
  if (streamName !== undefined && streamManagement === 'none') return streamName;
  const found = await streamsOf(connection, subject);
  if (streamName === undefined && found.length > 1) {
    throw new ComponentError(
      'no-stream',
      `several streams take the subject "${subject}" (${found.join(', ')}): set streamName`,
    );
  }
  const name = streamName ?? found[0];
  const there = name !== undefined && found.includes(name);
  if (there && streamManagement !== 'update') return name;
  if (streamManagement !== 'none') return manageStream(connection, config, subject, name);
  throw noStream(subject);
}

/**
 * The stream that a subscription would use, after making sure that it is there and can have the
 * subject's messages. Makes and changes nothing.
 *
 * @throws ComponentError `no-stream`; `unavailable`, `timeout`
 */
export async function confirmStream(
  connection: Connection,
  config: Config,
  subject: string,
): Promise<string> {
  const name = await findStream(connection, { ...config, streamManagement: 'none' }, subject);
  const { StreamNotFound } = JetStreamApiCodes;
  const info = await ifThere(
    ask(() => connection.api.streams.info(name)),
    StreamNotFound,
  ).catch((error) => {
    throw fromApi(error);
  });
  if (!info) throw noStream(subject, name);
  const { subjects = [], mirror, sources } = info.config;
  if (mirror || sources?.length || subjects.some((one) => matches(one, subject))) return name;
  throw new ComponentError(
    'no-stream',
    `stream "${name}" does not take the subject "${subject}", only ${subjects.join(', ')}`,
  );
}

/** Says how to make one. */
export function noStream(subject: string, streamName?: string): ComponentError {
  const what =
    streamName === undefined
      ? `no stream takes the subject "${subject}"; create one`
      : `there is no stream "${streamName}"; create it`;
  const command = `nats stream add ${streamName ?? 'NAME'} --subjects '${subject}' --defaults`;
  return new ComponentError('no-stream', `${what}: ${command}`);
}
