import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { streamsOf } from './stream-lookup.ts';
import { manageStream } from './stream-management.ts';

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
  if (name === undefined) throw noStream(subject);
  throw new ComponentError(
    'no-stream',
    `there is no stream "${name}" that takes the subject "${subject}"; create it: ` +
      `nats stream add ${name} --subjects '${subject}' --defaults`,
  );
}

export function noStream(subject: string): ComponentError {
  return new ComponentError(
    'no-stream',
    `no stream takes the subject "${subject}"; create one: ` +
      `nats stream add NAME --subjects '${subject}' --defaults`,
  );
}
