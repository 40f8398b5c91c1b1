import { fromApi } from './api-errors.ts';
import { ask } from './ask.ts';
import type { Connection } from './connection.ts';

/**
 * The names of the streams that take a subject.
 *
 * @throws ComponentError `unavailable`, `timeout`
 */
export async function streamsOf(connection: Connection, subject: string): Promise<string[]> {
  try {
    return await ask(() => connection.api.streams.names(subject).next());
  } catch (error) {
    throw fromApi(error);
  }
}
