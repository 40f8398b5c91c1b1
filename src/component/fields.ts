import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { parseDuration } from './duration.ts';

/** One metadata field: how its text is read, and what the documentation says of it. */
export interface Field<Type extends z.ZodType = z.ZodType> {
  type: Type;
  doc: string;
  /** Its value never reaches a log or an error. */
  secret?: boolean;
  /** An app's Subscription may set it for itself. */
  perSubscription?: boolean;
}

const field = <Type extends z.ZodType>(
  type: Type,
  doc: string,
  marks: Pick<Field, 'secret' | 'perSubscription'> = {},
) => ({ type, doc, ...marks });

/** Turns a function that throws into a zod type; the thrown text says what is allowed. */
const read = <Value>(parse: (text: string) => Value) =>
  z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: text });
      return z.NEVER;
    }
  });

const text = z.string();

const duration = (least: 'positive' | 'zero or more') =>
  read((value) => {
    const ms = parseDuration(value);
    if (ms < 0 || (ms === 0 && least === 'positive')) throw new Error(`must be ${least}`);
    return ms;
  });

const durations = read((value) => {
  const list = value.replace(/^\[(.*)\]$/s, '$1').split(',');
  return list.map((item) => {
    const ms = parseDuration(item.trim());
    if (ms < 0) throw new Error('must not hold a negative duration');
    return ms;
  });
});

const count = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  read((value) => {
    const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number) || number < least || number > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `${least} to ${most}`;
      throw new Error(`must be a whole number ${range}`);
    }
    return number;
  });

const truths = ['true', '1', 'yes', 'on', 't', 'y'];
const falsehoods = ['false', '0', 'no', 'off', 'f', 'n'];

const flag = read((value) => {
  const word = value.toLowerCase();
  if (truths.includes(word)) return true;
  if (falsehoods.includes(word)) return false;
  throw new Error('must be true or false');
});

const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  read((value): Words[number] => {
    const word = words.find((candidate) => candidate === value.toLowerCase());
    if (word === undefined) throw new Error(`must be one of ${words.join(', ')}`);
    return word;
  });

/** A name as NATS takes it for streams and consumers. */
const natsName = read((value) => {
  if (value.length > 255) throw new Error('must not be longer than 255 characters');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
  if (/[\s.*>/\\\u0000-\u001f\u007f]/.test(value)) {
    throw new Error('must not contain spaces, control characters or any of . * > / \\');
  }
  return value;
});

export interface ServerUrl {
  /** `host:port`, IPv6 in brackets. */
  address: string;
  tls: boolean;
  username?: string;
  password?: string;
  token?: string;
}

const serverUrls = read((value) => value.split(',').map((item) => serverUrl(item.trim())));

function serverUrl(given: string): ServerUrl {
  const schemed = given.includes('://') ? given : `nats://${given}`;
  const scheme = schemed.slice(0, schemed.indexOf('://')).toLowerCase();
  if (scheme !== 'nats' && scheme !== 'tls') throw new Error('must start with nats:// or tls://');
  // A scheme the URL standard knows, so that host and port are checked and made canonical.
  const rest = schemed.slice(schemed.indexOf('://'));
  if (!URL.canParse(`ws${rest}`)) throw new Error('must look like nats://host:4222');
  const url = new URL(`ws${rest}`);
  if (!url.hostname || (url.pathname !== '/' && url.pathname !== '') || url.search || url.hash) {
    throw new Error('must look like nats://host:4222, with nothing behind the port');
  }
  // The standard drops a port that is its scheme's default, which is 80 for ws.
  const port = url.port || (/:80\/?$/.test(rest) ? '80' : '4222');
  const server: ServerUrl = { address: `${url.hostname}:${port}`, tls: scheme === 'tls' };
  const [user, password] = [decode(url.username), decode(url.password)];
  if (user && !url.password) server.token = user;
  else if (user) Object.assign(server, { username: user, password });
  return server;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Every metadata field of a Component, by its exact name: the one place that says what a field is
 * called, how it is read, what it defaults to and whether it is a secret.
 *
 * Durations become milliseconds. A field that is absent or empty is undefined, or its default.
 */
export const fields = {
  natsURL: field(serverUrls, 'Server addresses, separated by commas; may carry user info', {
    secret: true,
  }),
  name: field(text.default('dapr.io - pubsub.jetstream'), 'Connection name the server shows'),
  token: field(text.optional(), 'Token', { secret: true }),
  username: field(text.optional(), 'User name, with password'),
  password: field(text.optional(), 'Password, with username', { secret: true }),
  streamName: field(natsName.optional(), 'Stream; found by the topic when unset'),
  consumerID: field(
    text.default('dapr'),
    'Names the durable consumer when durableName is unset; daprd sets it to the app id',
  ),
  durableName: field(natsName.optional(), 'Durable consumer', { perSubscription: true }),
  startSequence: field(count(1).optional(), 'First stream sequence to deliver', {
    perSubscription: true,
  }),
  startTime: field(count(0, 9_999_999_999).optional(), 'First time to deliver, Unix seconds', {
    perSubscription: true,
  }),
  deliverPolicy: field(
    oneOf('all', 'last', 'new', 'sequence', 'time').optional(),
    'Where a new consumer starts',
    { perSubscription: true },
  ),
  deliverAll: field(flag.optional(), 'Older spelling: true is deliverPolicy all, false is last'),
  ackWait: field(duration('positive').optional(), 'Time one message may take to be handled', {
    perSubscription: true,
  }),
  maxDeliver: field(count(-1).optional(), 'Deliveries of one message at most; -1 is no limit', {
    perSubscription: true,
  }),
  backOff: field(durations.optional(), 'Delays before redelivery, by delivery count', {
    perSubscription: true,
  }),
  maxAckPending: field(count(-1).optional(), 'Unsettled messages of the whole consumer at most', {
    perSubscription: true,
  }),
  replicas: field(count(0, 5).optional(), 'Replicas of the consumer'),
  memoryStorage: field(flag.optional(), 'Keep the consumer state in memory'),
  concurrency: field(
    oneOf('single', 'parallel').optional(),
    'single: one unsettled message per subscription',
    { perSubscription: true },
  ),
  prefetchCount: field(count(1, 65_536).default(256), 'Unsettled messages of one subscription', {
    perSubscription: true,
  }),
  publishTimeout: field(
    duration('positive').default(5_000),
    'How long a publish may take until the server has confirmed it',
  ),
} satisfies Record<string, Field>;

/** Fields of the built-in component that are read but do nothing here yet. */
export const withoutEffect = [
  'jwt',
  'seedKey',
  'tls_client_cert',
  'tls_client_key',
  'queueGroupName',
  'flowControl',
  'heartbeat',
  'rateLimit',
  'ackPolicy',
  'domain',
  'apiPrefix',
];

/** Keys that daprd itself adds to a Component's metadata. */
export const keysOfDaprd = [
  'allowedTopics',
  'protectedTopics',
  'publishingScopes',
  'subscriptionScopes',
];
