import { JetStreamApiCodes, type StreamConfig } from '@nats-io/jetstream';
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
  const name = streamName ?? onlyOne(found, subject);
  const there = name !== undefined && found.includes(name);
  if (there && streamManagement !== 'update') return name;
  if (streamManagement !== 'none') return manageStream(connection, config, subject, name);
  throw noStream(subject);
}

/**
 * The stream that a subscription would use, after making sure that it is there and can have the
 * topic's messages. Makes and changes nothing.
 *
 * @returns undefined where streamManagement would see to it
 * @throws ComponentError `no-stream`; `unavailable`, `timeout`
 */
export async function confirmStream(
  connection: Connection,
  config: Config,
  topic: string,
): Promise<string | undefined> {
  const found = config.streamName === undefined ? await streamsOf(connection, topic) : [];
  const name = config.streamName ?? onlyOne(found, topic);
  const stream = await streamNamed(connection, name);
  if (stream && (stream.mirror || stream.sources?.length || takes(stream, topic))) return name;
  confirmManaged(config, topic, topic, stream);
  return undefined;
}

/**
 * A stream that takes what a subscription puts aside at a subject, as {@link confirmStream} does for
 * its topic: any that takes the subject will do.
 */
export async function confirmDeadLetterStream(
  connection: Connection,
  config: Config,
  topic: string,
  subject: string,
): Promise<string | undefined> {
  const [name] = await streamsOf(connection, subject);
  if (name !== undefined) return name;
  const managed = config.streamManagement === 'none' ? undefined : config.streamName;
  confirmManaged(config, topic, subject, await streamNamed(connection, managed));
  return undefined;
}

/** Throws unless streamManagement would make a stream for the subject, or add it to the one there. */
function confirmManaged(
  { streamName, streamManagement, streamSubjects }: Config,
  topic: string,
  subject: string,
  there: StreamConfig | undefined,
): void {
  if (there && streamManagement !== 'update') {
    throw new ComponentError(
      'no-stream',
      `stream "${there.name}" does not take the subject "${subject}", only ` +
        `${there.subjects?.join(', ')}`,
    );
  }
  if (streamManagement === 'none')
    throw noStream(subject, subject === topic ? streamName : undefined);
  // A stream of a given name is made once, for the topic.
  const first = streamName !== undefined && streamManagement === 'create' ? topic : subject;
  const subjects = streamSubjects ?? [first];
  if (subjects.some((pattern) => matches(pattern, subject))) return;
  throw new ComponentError(
    'no-stream',
    `no stream takes the subject "${subject}", and the one that would be made takes only ` +
      `${subjects.join(', ')}: add it to streamSubjects`,
  );
}

/** Its settings; undefined where there is none of that name. */
export async function streamNamed(
  connection: Connection,
  name: string | undefined,
): Promise<StreamConfig | undefined> {
  if (name === undefined) return undefined;
  try {
    const info = ask(() => connection.api.streams.info(name));
    return (await ifThere(info, JetStreamApiCodes.StreamNotFound))?.config;
  } catch (error) {
    throw fromApi(error);
  }
}

function takes({ subjects = [] }: StreamConfig, subject: string): boolean {
  return subjects.some((pattern) => matches(pattern, subject));
}

/** Undefined where there is none. */
function onlyOne(streams: string[], subject: string): string | undefined {
  if (streams.length <= 1) return streams[0];
  throw new ComponentError(
    'no-stream',
    `several streams take the subject "${subject}" (${streams.join(', ')}): set streamName`,
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
