import type { Config } from '../component/config.ts';
import { formatDuration } from '../duration.ts';
import { ComponentError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { namedDurable, newConsumer, toMillis, wantsPush } from './consumer-settings.ts';
import { durableName, legal } from './names.ts';
import { confirmDeadLetterStream, confirmStream, streamNamed } from './stream.ts';
import { streamsOf } from './stream-lookup.ts';
import { streamNameFor } from './stream-management.ts';

/** Stands for the app id in a consumerID, where it is not known. */
export const anyApp = '<app id>';

/** What is known only where daprd runs: that, and what daprd itself puts in the place of such tags. */
const unknown = new RegExp(`${anyApp}|{(uuid|podName|namespace|appID)}`, 'g');

/** Settings that JetStream has in nanoseconds. */
const durations = new Set(['ack_wait', 'backoff', 'idle_heartbeat', 'inactive_threshold']);

/** What a subscription would create, for a person to read: durations as one writes them. */
export function plannedConsumer(config: Config, topic: string): string {
  const name = plannedName(config, topic);
  const wanted = newConsumer(config, topic, name);
  const { durable_name, deliver_subject, filter_subject, ...settings } = wanted;
  const list = Object.entries(settings).map(([key, value]) => `${key} ${shown(key, value)}`);
  const what = name === undefined ? 'an ephemeral' : `"${name}", a durable`;
  const kind = deliver_subject ? 'push' : 'pull';
  return `topic "${topic}" makes ${what} ${kind} consumer: ${list.join(', ')}`;
}

function shown(key: string, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((one) => shown(key, one)).join(', ')}]`;
  return durations.has(key) ? formatDuration(toMillis(value as number)) : String(value);
}

/** Undefined for an ephemeral consumer, whose name the server chooses. */
function plannedName(config: Config, topic: string): string | undefined {
  if (config.ephemeral) return undefined;
  const named = namedDurable(config);
  if (named !== undefined) return named;
  const { consumerID } = config;
  // daprd's namespace has a dot and the app id behind it.
  const like = consumerID.replace(unknown, (tag) => (tag === '{namespace}' ? 'a.b' : 'a'));
  const name = durableName(like, topic);
  if (like === consumerID) return name;
  // The hash of what is not known would be one that nobody ever sees.
  return `${consumerID}-${legal(topic)}${name.includes('~') ? '~<hash>' : ''}`;
}

export interface PlannedStream {
  /** The stream that takes the subject already. */
  found: string | undefined;
  /**
   * JetStream's subjects that a user needs to publish to; without STREAM.NAMES and STREAM.INFO, which
   * have been asked by then.
   */
  needed: string[];
}

/**
 * The stream that a subscription would use, or have made, and what it needs for making or changing it,
 * for subscribing and for settling.
 *
 * @throws ComponentError `no-stream`; `forbidden`, `unavailable`, `timeout`
 */
export async function plannedStream(
  connection: Connection,
  config: Config,
  topic: string,
): Promise<PlannedStream> {
  const found = await confirmStream(connection, config, topic);
  const { name, needed } = await managed(connection, config, topic, found);
  const own = neededByConsumer(config, topic, name, connection.apiPrefix);
  return { found, needed: [...needed, ...own] };
}

/** The stream for what a subscription puts aside at a subject, as {@link plannedStream}. */
export async function plannedDeadLetterStream(
  connection: Connection,
  config: Config,
  topic: string,
  subject: string,
): Promise<PlannedStream> {
  const found = await confirmDeadLetterStream(connection, config, topic, subject);
  // With streamSubjects it is the topic's stream that takes the dead letters.
  if (found !== undefined || config.streamSubjects) return { found, needed: [] };
  const { needed } = await managed(connection, config, subject, undefined);
  return { found, needed };
}

/** What making or changing a stream needs. Asks what streamManagement asks before it does so. */
async function managed(
  connection: Connection,
  { streamManagement, streamName }: Config,
  subject: string,
  found: string | undefined,
): Promise<{ name: string; needed: string[] }> {
  const name = found ?? streamName ?? streamNameFor(subject);
  if (streamManagement === 'none') return { name, needed: [] };
  await streamsOf(connection, subject);
  const there = await streamNamed(connection, name);
  const api = `${connection.apiPrefix}.STREAM`;
  if (!there) return { name, needed: [`${api}.CREATE.${name}`] };
  // Also where nothing is to be changed now: a later change of a stream* field will be.
  if (streamManagement === 'update') return { name, needed: [`${api}.UPDATE.${name}`] };
  if (found !== undefined) return { name, needed: [] };
  throw new ComponentError(
    'no-stream',
    `no stream can be made for the subject "${subject}": there is a stream ${name}, which does ` +
      'not take it; set streamName, or streamManagement to update',
  );
}

function neededByConsumer(
  config: Config,
  topic: string,
  stream: string,
  apiPrefix: string,
): string[] {
  const name = plannedName(config, topic) ?? 'EPHEMERAL';
  const api = (call: string) => `${apiPrefix}.${call}.${stream}`;
  const needed = [
    `${api('CONSUMER.INFO')}.${name}`,
    `${api('CONSUMER.CREATE')}.${name}.${topic}`,
    `$JS.ACK.${stream}.${name}.1.0.0.0.0`,
  ];
  if (!wantsPush(config)) needed.push(`${api('CONSUMER.MSG.NEXT')}.${name}`);
  else if (config.flowControl) needed.push(`$JS.FC.${stream}.${name}.0`);
  if (config.deadLetterSubject) needed.push(api('STREAM.MSG.GET'));
  return needed;
}
