import type { Config } from '../component/config.ts';
import { namedDurable, newConsumer, wantsPush } from './consumer-settings.ts';
import { durableName } from './names.ts';

/** What a subscription would create, for a person to read. */
export function plannedConsumer(config: Config, topic: string): string {
  const name = plannedName(config, topic);
  const wanted = newConsumer(config, topic, name);
  const { durable_name, deliver_subject, filter_subject, ...settings } = wanted;
  const list = Object.entries(settings).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const what = name === undefined ? 'an ephemeral' : `"${name}", a durable`;
  const kind = deliver_subject ? 'push' : 'pull';
  return `topic "${topic}" makes ${what} ${kind} consumer: ${list.join(', ')}`;
}

/** Undefined for an ephemeral consumer, whose name the server chooses. */
function plannedName(config: Config, topic: string): string | undefined {
  if (config.ephemeral) return undefined;
  return namedDurable(config) ?? durableName(config.consumerID, topic);
}

/** The subjects that a user needs to subscribe to the topic and to settle its messages. */
export function neededSubjects(
  config: Config,
  topic: string,
  stream: string,
  apiPrefix: string,
): { publish: string[]; subscribe: string[] } {
  const name = plannedName(config, topic) ?? 'EPHEMERAL';
  const api = (call: string) => `${apiPrefix}.${call}.${stream}`;
  const publish = [
    `${apiPrefix}.STREAM.NAMES`,
    api('STREAM.INFO'),
    `${api('CONSUMER.INFO')}.${name}`,
    `${api('CONSUMER.CREATE')}.${name}.${topic}`,
    `$JS.ACK.${stream}.${name}.1.1.1.1.1`,
  ];
  if (!wantsPush(config)) publish.push(`${api('CONSUMER.MSG.NEXT')}.${name}`);
  if (config.deadLetterSubject) {
    publish.push(config.deadLetterSubject, api('STREAM.MSG.GET'));
  }
  return { publish, subscribe: ['_INBOX.EXAMPLE.1'] };
}
