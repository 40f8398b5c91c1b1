import {
  count,
  creds,
  credsFile,
  duration,
  durations,
  type FieldType,
  flag,
  groupName,
  natsName,
  oneOf,
  pem,
  prefix,
  publishSubject,
  serverUrls,
  subjects,
  text,
  userJwt,
  userSeed,
} from './field-types.ts';

/** One metadata field: how its text is read, and what the documentation says of it. */
export interface Field<Type extends FieldType = FieldType> {
  type: Type;
  doc: string;
  example: string;
  /** What holds when it is unset, in words, where the type has no default that says it. */
  unset?: string;
  /** Its value never reaches a log or an error. */
  secret?: boolean;
  /** Its value is a path, shown in an error only where it looks like one: it may be a secret. */
  path?: boolean;
  /** An app's Subscription may set it for itself. */
  perSubscription?: boolean;
}

type Marks = Pick<Field, 'secret' | 'path' | 'perSubscription' | 'unset'>;

const field = <Type extends FieldType>(
  type: Type,
  example: string,
  doc: string,
  marks: Marks = {},
) => ({ type, example, doc, ...marks });

const secret = { secret: true };
const path = { path: true };
const own = { perSubscription: true };
const unset = (words: string) => ({ unset: words });

/**
 * Every metadata field of a Component, by its exact name: the one place that says what a field is
 * called, how it is read, what it defaults to and whether it is a secret.
 *
 * Durations become milliseconds. A field that is absent or empty is undefined, or its default.
 */
export const fields = {
  natsURL: field(
    serverUrls,
    'nats://localhost:4222',
    'One or several `nats://` or `tls://` addresses, separated by commas, with or without user info (the same in each). `tls://` means TLS or no connection',
    { ...secret, ...unset('required') },
  ),
  name: field(
    text.default('dapr.io - pubsub.jetstream'),
    'my-conn-name',
    'Connection name that the server shows',
  ),
  jwt: field(userJwt.optional(), 'eyJ0eXAi...', 'JWT of the user, with `seedKey`', secret),
  seedKey: field(userSeed.optional(), 'SUACS34K...', 'Seed that belongs to `jwt`', secret),
  tls_client_cert: field(
    pem.optional(),
    '/path/to/tls.crt',
    'Client certificate, with `tls_client_key`: path or PEM. A path is read again at each connect',
    path,
  ),
  tls_client_key: field(
    pem.optional(),
    '/path/to/tls.key',
    'Key of the client certificate: path or PEM',
    secret,
  ),
  tls_ca_cert: field(
    pem.optional(),
    '/path/to/ca.crt',
    'CA that signed the server certificate: path or PEM. Set, it means TLS or no connection',
    { ...path, ...unset('what Node and the system trust') },
  ),
  token: field(text.optional(), 'my-token', 'Token', secret),
  username: field(text.optional(), 'joe', 'User name, with `password`'),
  password: field(text.optional(), 'pa55', 'Password, with `username`', secret),
  credsFile: field(
    credsFile.optional(),
    '/path/to/user.creds',
    'Path of a `.creds` file; read again at each connect',
    path,
  ),
  creds: field(
    creds.optional(),
    '-----BEGIN NATS USER JWT...',
    'Contents of a `.creds` file',
    secret,
  ),
  nkeySeed: field(userSeed.optional(), 'SUACS34K...', 'Seed of a plain nkey', secret),
  streamName: field(natsName.optional(), 'ORDERS', 'Stream', unset('found by the topic')),
  consumerID: field(
    text.default('dapr'),
    'checkout',
    'Names the durable consumer: `<consumerID>-<topic>`',
    unset('the app id, set by daprd'),
  ),
  durableName: field(
    natsName.optional(),
    'my-durable',
    'Names the durable consumer instead. Several topics may share it: the further ones get `<durableName>-<topic>`',
    own,
  ),
  ephemeral: field(
    flag.optional(),
    'true',
    'No durable consumer: every replica gets every message',
    { ...own, ...unset('false') },
  ),
  queueGroupName: field(
    groupName.optional(),
    'my-queue',
    'Deliver group of a push consumer; names the durable too where `durableName` is unset',
    own,
  ),
  consumerType: field(
    oneOf('auto', 'pull', 'push').default('auto'),
    'pull',
    '`auto`: what an existing durable is; a new one is push where `flowControl`, `heartbeat`, `rateLimit` or `queueGroupName` is set, else pull',
  ),
  deliverPolicy: field(
    oneOf('all', 'last', 'new', 'sequence', 'time').optional(),
    'all',
    'Where a new consumer starts',
    { ...own, ...unset('all, or what the start fields say') },
  ),
  startSequence: field(count(0).optional(), '1', 'First stream sequence', own),
  startTime: field(
    count(0, 9_999_999_999).optional(),
    '1630349391',
    'First time, Unix seconds',
    own,
  ),
  deliverAll: field(
    flag.optional(),
    'true',
    'Older spelling: `true` is `deliverPolicy: all`, `false` is `last`',
  ),
  flowControl: field(
    flag.optional(),
    'false',
    "Push consumer's flow control; its heartbeat is 5s where none is set. One replica at a time has such a consumer",
    unset('false'),
  ),
  heartbeat: field(
    duration('zero or more', 100).optional(),
    '15s',
    "Push consumer's idle heartbeat, at least 100ms. One replica at a time has such a consumer",
  ),
  rateLimit: field(count(0).optional(), '1024', "Push consumer's rate, bits a second"),
  ackPolicy: field(
    oneOf('explicit', 'all', 'none').optional(),
    'explicit',
    '`explicit`: each message by itself. `all`: acknowledged when every earlier one is settled. `none`: nothing is awaited',
    unset('explicit, or what the durable has'),
  ),
  ackWait: field(
    duration('zero or more', 1).optional(),
    '10s',
    'Time one message may take to be handled, from when its turn comes',
    { ...own, ...unset("the server's 30s") },
  ),
  maxDeliver: field(
    count(-1).optional(),
    '5',
    'Deliveries of one message at most. Messages that a stopping app had not come to count as delivered',
    { ...own, ...unset("the server's -1, no limit") },
  ),
  backOff: field(
    durations.optional(),
    '50ms, 1s, 10s',
    'Delays before redelivery, by delivery count. On the server the first takes the place of `ackWait`',
    own,
  ),
  maxAckPending: field(
    count(-1).optional(),
    '5000',
    'Unsettled messages of the whole consumer at most, over all replicas',
    { ...own, ...unset("the server's 1000") },
  ),
  prefetchCount: field(
    count(1, 65_536).default(256),
    '64',
    'Unsettled messages of one subscription at most',
    own,
  ),
  concurrency: field(
    oneOf('single', 'parallel').optional(),
    'single',
    '`single`: the app handles one message of a subscription at a time. `parallel`: up to `prefetchCount`',
    { ...own, ...unset('parallel') },
  ),
  replicas: field(count(0, 5).optional(), '3', 'Replicas of the consumer', unset("the stream's")),
  memoryStorage: field(
    flag.optional(),
    'false',
    'Keep the state of a new consumer in memory',
    unset("the stream's"),
  ),
  domain: field(prefix.optional(), 'hub', 'JetStream domain'),
  apiPrefix: field(
    prefix.optional(),
    '$JS.hub.API',
    'Subject prefix of the JetStream API; wins over `domain`',
  ),
  deadLetterSubject: field(
    publishSubject.optional(),
    'dead.orders',
    'Where a message goes that used up `maxDeliver` or is over 4 MiB, with headers that say why and where from',
    unset('such a message is terminated and logged'),
  ),
  streamManagement: field(
    oneOf('none', 'create', 'update').default('none'),
    'create',
    '`create`: make a missing stream. `update`: bring an existing one in line too; subjects are only added',
  ),
  streamSubjects: field(
    subjects.optional(),
    'orders.>',
    'Subjects of the stream',
    unset('the topic'),
  ),
  streamStorage: field(oneOf('file', 'memory').optional(), 'file', 'Storage', unset('file')),
  streamReplicas: field(count(1, 5).optional(), '3', 'Replicas of the stream', unset('1')),
  streamRetention: field(
    oneOf('limits', 'interest', 'workqueue').optional(),
    'limits',
    'When messages are dropped',
    unset('limits'),
  ),
  streamMaxAge: field(
    duration('zero or more').optional(),
    '168h',
    'Age at which messages are dropped',
    unset('never'),
  ),
  streamMaxBytes: field(
    count(-1).optional(),
    '1073741824',
    'Bytes the stream holds at most',
    unset('no limit'),
  ),
  duplicateWindow: field(
    duration('zero or more').optional(),
    '2m',
    'How long the stream remembers message ids',
    unset("the server's 2m"),
  ),
  publishTimeout: field(
    duration('positive', 1).default(5_000),
    '10s',
    'How long a publish may take until the server has confirmed it',
  ),
} satisfies Record<string, Field>;

/** Keys that daprd itself adds to a Component's metadata. */
export const keysOfDaprd = [
  'allowedTopics',
  'protectedTopics',
  'publishingScopes',
  'subscriptionScopes',
];
