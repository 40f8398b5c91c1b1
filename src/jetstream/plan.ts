import type { Config } from '../component/config.ts';
import { formatDuration } from '../duration.ts';
import { namedDurable, newConsumer, toMillis, wantsPush } from './consumer-settings.ts';
import { durableName, legal } from './names.ts';

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

/** JetStream's subjects that a user needs to publish to for subscribing to the topic, and settling. */
export function neededSubjects(
  config: Config,
  topic: string,
  stream: string,
  apiPrefix: string,
): string[] {
  const name = plannedName(config, topic) ?? 'EPHEMERAL';
  const api = (call: string) => `${apiPrefix}.${call}.${stream}`;
  const needed = [
    `${apiPrefix}.STREAM.NAMES`,
    api('STREAM.INFO'),
    `${api('CONSUMER.INFO')}.${name}`,
    `${api('CONSUMER.CREATE')}.${name}.${topic}`,
    `$JS.ACK.${stream}.${name}.1.0.0.0.0`,
  ];
  if (!wantsPush(config)) needed.push(`${api('CONSUMER.MSG.NEXT')}.${name}`);
  else if (config.flowControl) needed.push(`$JS.FC.${stream}.${name}.0`);
  if (config.deadLetterSubject) needed.push(api('STREAM.MSG.GET'));
  return needed;
}
