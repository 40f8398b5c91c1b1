import {
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import { fromApi, ifThere } from './api-errors.ts';
import type { Connection } from './connection.ts';
import { hashedName } from './names.ts';
import { streamsOf } from './stream-lookup.ts';
import { matches } from './subject.ts';

/** Others may create and change at the same time; after so many rounds something is wrong. */
const mostRounds = 3;

/** API errors that say "somebody else made it, differently": 10058, 10065. */
const alreadyThere = new Set([10058, 10065]);

/**
 * Makes the stream for a subject, or brings an existing one in line with the stream* fields.
 *
 * An update never takes away: subjects are added to the ones the stream has.
 *
 * @param name the stream; after the subject when undefined
 * @returns the stream's name
 * @throws ComponentError `invalid-config` with the server's reason where it refuses the settings
 */
export async function manageStream(
  connection: Connection,
  config: Config,
  subject: string,
  name = streamNameFor(subject),
): Promise<string> {
  const { streams } = connection.api;
  const wanted = settings(config);
  const subjects = config.streamSubjects ?? [subject];
  if (!subjects.some((pattern) => matches(pattern, subject))) {
    throw new ComponentError(
      'no-stream',
      `no stream takes the subject "${subject}", and streamSubjects (${subjects.join(', ')}) ` +
        'does not cover it, so none is made for it',
    );
  }
  try {
    for (let round = 0; round < mostRounds; round++) {
      const info = await ifThere(streams.info(name), JetStreamApiCodes.StreamNotFound);
      if (info) {
        if (config.streamManagement !== 'update') {
          // Somebody else has made it just now, or it was there with other subjects.
          if ((await streamsOf(connection, subject)).includes(name)) return name;
          break;
        }
        const missing = subjects.filter((one) => !info.config.subjects?.includes(one));
        const change = { ...wanted, subjects: [...(info.config.subjects ?? []), ...missing] };
        if (missing.length > 0 || differs(info, wanted)) await streams.update(name, change);
        return name;
      }
      try {
        await streams.add({ name, subjects, ...wanted });
        return name;
      } catch (error) {
        if (!(error instanceof JetStreamApiError && alreadyThere.has(error.code))) throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.status === 503) throw fromApi(error);
    throw new ComponentError(
      'invalid-config',
      `stream ${name} cannot be ${config.streamManagement}d as the stream* fields say: ` +
        `${error.message} (${error.code})`,
      { cause: error },
    );
  }
  throw new ComponentError(
    'no-stream',
    `stream ${name} is there but does not take "${subject}": add the subject to it, or set ` +
      'streamManagement to update',
  );
}

/** What the user has set. */
function settings(config: Config): Partial<StreamConfig> {
  const wanted: Partial<StreamConfig> = {};
  if (config.streamStorage) {
    wanted.storage = config.streamStorage === 'file' ? StorageType.File : StorageType.Memory;
  }
  if (config.streamRetention) wanted.retention = retentions[config.streamRetention];
  if (config.streamReplicas !== undefined) wanted.num_replicas = config.streamReplicas;
  if (config.streamMaxAge !== undefined) wanted.max_age = config.streamMaxAge * 1e6;
  if (config.streamMaxBytes !== undefined) wanted.max_bytes = config.streamMaxBytes;
  if (config.duplicateWindow !== undefined) wanted.duplicate_window = config.duplicateWindow * 1e6;
  return wanted;
}

const retentions = {
  limits: RetentionPolicy.Limits,
  interest: RetentionPolicy.Interest,
  workqueue: RetentionPolicy.Workqueue,
};

function differs(info: StreamInfo, wanted: Partial<StreamConfig>): boolean {
  return Object.entries(wanted).some(
    ([key, value]) => info.config[key as keyof StreamConfig] !== value,
  );
}

/** The subject itself where it can be a name, else with a hash: `a.b` and `a_b` are two streams. */
export function streamNameFor(subject: string): string {
  return /^[A-Za-z0-9_-]{1,200}$/.test(subject) ? subject : hashedName(subject, [subject]);
}
