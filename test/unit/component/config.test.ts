import { expect, test } from 'vitest';
import { parseConfig, withOverrides } from '../../../src/component/config.ts';
import { ComponentError } from '../../../src/errors.ts';

const url = { natsURL: 'nats://localhost:4222' };
const config = (properties: Record<string, string>) =>
  parseConfig({ ...url, ...properties }).config;

function refusal(act: () => unknown): ComponentError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ComponentError);
    return error as ComponentError;
  }
  throw new Error('was accepted');
}

test('a lone natsURL is enough', () => {
  expect(config({})).toMatchObject({
    natsURL: [{ address: 'localhost:4222', tls: false }],
    name: 'dapr.io - pubsub.jetstream',
    prefetchCount: 256,
    publishTimeout: 5000,
  });
});

test('keys count without regard to case, an empty value as unset', () => {
  expect(config({ ACKWAIT: '10s', durablename: 'd', streamName: ' ' })).toMatchObject({
    ackWait: 10_000,
    durableName: 'd',
  });
  expect(config({ streamName: ' ' }).streamName).toBeUndefined();
});

test.each([
  ['localhost', [{ address: 'localhost:4222', tls: false }]],
  [
    'nats://a:1, tls://b:2',
    [
      { address: 'a:1', tls: false },
      { address: 'b:2', tls: true },
    ],
  ],
  ['nats://h:80', [{ address: 'h:80', tls: false }]],
  ['nats://[::1]:5', [{ address: '[::1]:5', tls: false }]],
  ['nats://u:p%40ss@h', [{ address: 'h:4222', tls: false, username: 'u', password: 'p@ss' }]],
  ['nats://u:@h', [{ address: 'h:4222', tls: false, username: 'u', password: '' }]],
  ['nats://t0ken@h', [{ address: 'h:4222', tls: false, token: 't0ken' }]],
])('natsURL %s', (natsURL, servers) => {
  expect(parseConfig({ natsURL }).config.natsURL).toEqual(servers);
});

test.each([
  ['startSequence', '0'],
  ['rateLimit', '0'],
  ['heartbeat', '0s'],
  ['ackWait', '0'],
  ['backOff', '[]'],
])('%s: %s counts as unset, as in the built-in', (name, value) => {
  expect(config({ [name]: value })).toEqual(config({}));
});

test('a deliver group may have dots where something else names the durable', () => {
  const { queueGroupName } = config({ queueGroupName: 'workers.eu', durableName: 'd' });
  expect(queueGroupName).toBe('workers.eu');
});

test('backOff takes commas, spaces and brackets', () => {
  expect(config({ backOff: '50ms, 1s,10s' }).backOff).toEqual([50, 1_000, 10_000]);
  expect(config({ backOff: '[1s, 2s]' }).backOff).toEqual([1_000, 2_000]);
});

test.each([
  [{}, undefined],
  [{ startTime: '1630349391' }, 'time'],
  [{ startSequence: '1' }, 'sequence'],
  [{ startSequence: '1', startTime: '1630349391' }, 'time'],
  [{ deliverAll: 'true' }, 'all'],
  [{ deliverAll: 'false' }, 'last'],
  [{ deliverAll: 'false', startSequence: '1' }, 'sequence'],
  [{ deliverPolicy: 'new', deliverAll: 'true', startSequence: '1' }, 'new'],
])('%j starts at %s', (properties, policy) => {
  expect(config(properties as Record<string, string>).deliverPolicy).toBe(policy);
});

test('a start field the policy does not use is warned of', () => {
  const { warnings } = parseConfig({ ...url, deliverPolicy: 'new', startSequence: '1' });
  expect(warnings).toEqual(['startSequence has no effect: deliverPolicy is new']);
});

const consumerFields = {
  streamName: 'my-stream',
  durableName: 'my-durable',
  queueGroupName: 'my-queue',
  startSequence: '1',
  startTime: '1630349391',
  flowControl: 'false',
  ackWait: '10s',
  maxDeliver: '5',
  backOff: '50ms, 1s, 10s',
  maxAckPending: '5000',
  replicas: '1',
  memoryStorage: 'false',
  rateLimit: '1024',
  heartbeat: '15s',
  ackPolicy: 'explicit',
  deliverPolicy: 'all',
};

test.each([
  ...Object.entries(consumerFields),
  ['name', 'my-conn-name'],
  ['token', 'my-token'],
  ['domain', 'hub'],
  ['apiPrefix', 'PREFIX'],
  ['name', 'connection name'],
  ['durableName', 'consumer-durable-name'],
  ['deliverAll', 'false'],
  ['flowControl', 'true'],
])("the built-in's pages' %s: %s is accepted", (name, value) => {
  expect(config({ [name]: value })).toHaveProperty(name === 'deliverAll' ? 'deliverPolicy' : name);
});

test("all consumer fields of the built-in's page together are accepted", () => {
  const { config, warnings } = parseConfig({ ...url, ...consumerFields });
  expect(config).toMatchObject({ deliverPolicy: 'all', maxDeliver: 5, maxAckPending: 5000 });
  expect(warnings).toEqual([
    'heartbeat has no effect: NATS allows it with no deliver group (queueGroupName)',
    'startTime has no effect: deliverPolicy is all',
  ]);
});

test("daprd's own keys are silent, other unknown ones are named once", () => {
  const { warnings } = parseConfig({
    ...url,
    allowedTopics: 'a',
    protectedTopics: '',
    publishingScopes: '',
    subscriptionScopes: '',
    somethingOfTomorrow: '1',
    another: '2',
  });
  expect(warnings).toEqual(['ignored unknown metadata: somethingOfTomorrow, another']);
});

test.each([
  [{ queueGroupName: 'g', heartbeat: '5s', flowControl: 'true' }, ['flowControl', 'heartbeat']],
  [{ queueGroupName: 'g', flowControl: 'false' }, []],
  [{ consumerType: 'pull', rateLimit: '1' }, ['rateLimit']],
  [{ token: 't', username: 'u', password: 'p' }, ['username']],
  [{ ephemeral: 'true', durableName: 'd' }, ['durableName']],
  [{ domain: 'hub', apiPrefix: 'P' }, ['domain']],
  [{ ackPolicy: 'none', maxAckPending: '5' }, ['maxAckPending']],
  [{ streamMaxAge: '1h', streamReplicas: '1' }, ['streamReplicas', 'streamMaxAge']],
])('%j warns of what has no effect: %j', (properties, names) => {
  const { warnings } = parseConfig({ ...url, ...(properties as Record<string, string>) });
  expect(warnings.map((warning) => warning.split(' ')[0])).toEqual(names);
});

test.each([
  ['natsURL', '', 'is required'],
  ['natsURL', 'http://h', 'must start with nats:// or tls://'],
  ['natsURL', 'nats://', 'must look like nats://host:4222'],
  ['natsURL', 'nats://h:99999', 'must look like nats://host:4222'],
  ['natsURL', 'nats://h/path', 'must look like nats://host:4222'],
  ['natsURL', 'nats://a,,nats://b', 'must look like nats://host:4222'],
  ['ackWait', '10', '"10" needs a unit, for example 10s'],
  ['ackWait', '-1s', '"-1s" must be zero or more'],
  ['ackWait', 'soon', '"soon" is not a duration such as 50ms, 30s or 1m30s'],
  ['backOff', '1s,,2s', '"1s,,2s" is not a duration'],
  ['backOff', '1s,-2s', 'must hold durations of at least 1ms'],
  ['backOff', '0s,1s', 'must hold durations of at least 1ms'],
  ['natsURL', 'nats://:secret@h', 'has a password without a user name'],
  ['natsURL', 'nats://a:b@h, nats://c:d@i', 'must have the same user info in every address'],
  ['maxDeliver', '-2', '"-2" must be a whole number from -1'],
  ['maxDeliver', '1.5', '"1.5" must be a whole number'],
  ['maxAckPending', 'many', '"many" must be a whole number'],
  ['prefetchCount', '0', '"0" must be a whole number 1 to 65536'],
  ['startSequence', '-1', '"-1" must be a whole number from 0'],
  ['startTime', 'yesterday', '"yesterday" must be a whole number'],
  ['deliverPolicy', 'some', '"some" must be one of all, last, new, sequence, time'],
  ['deliverPolicy', 'time', '"time" needs startTime'],
  ['deliverPolicy', 'sequence', '"sequence" needs startSequence'],
  ['concurrency', 'double', '"double" must be one of single, parallel'],
  ['memoryStorage', 'maybe', '"maybe" must be true or false'],
  ['replicas', '6', '"6" must be a whole number 0 to 5'],
  ['durableName', 'a.b', 'must not contain'],
  ['durableName', 'a b', 'must not contain'],
  ['durableName', 'x'.repeat(256), 'must not be longer than 255'],
  ['streamName', 'a>', 'must not contain'],
  ['deadLetterSubject', 'a b', '"a b" is no NATS subject: it contains a space'],
  ['deadLetterSubject', 'a.*', '"a.*" is no NATS subject: it has a wildcard'],
  ['streamSubjects', 'a,,b', '"a,,b" must hold NATS subjects: one is empty'],
  ['streamSubjects', 'a.>.b', '"a.>.b" must hold NATS subjects: one has the wildcard > before'],
  ['tls_ca_cert', '/nowhere/ca.crt', 'a file that cannot be read where this program runs (ENOENT)'],
  ['username', 'u', 'must be given together'],
  ['password', 'p', 'must be given together'],
])('%s: "%s" is refused by name', (name, value, words) => {
  const error = refusal(() => parseConfig({ ...url, [name]: value }));
  expect(error.code).toBe('invalid-config');
  expect(error.message).toContain(name);
  expect(error.message).toContain(words);
});

test('every problem is reported at once', () => {
  const { message } = refusal(() =>
    parseConfig({ ackWait: '10', maxDeliver: 'x', durableName: 'a.b', replicas: '9' }),
  );
  for (const name of ['natsURL', 'ackWait', 'maxDeliver', 'durableName', 'replicas']) {
    expect(message).toContain(`${name}: `);
  }
});

test.each([
  ['ackWiat', 'ackWait'],
  ['natsUrls', 'natsURL'],
  ['durable_name', 'durableName'],
  ['maxdelivr', 'maxDeliver'],
])('%s: did you mean %s?', (wrong, right) => {
  const { message } = refusal(() => parseConfig({ ...url, [wrong]: '1' }));
  expect(message).toContain(`${wrong}: is not a field; did you mean ${right}?`);
});

test('a key in two spellings is refused', () => {
  const { message } = refusal(() => parseConfig({ ...url, ackWait: '1s', ACKWAIT: '2s' }));
  expect(message).toContain('ackWait: is given twice');
});

test('a secret is never repeated in an error', () => {
  const { message } = refusal(() =>
    parseConfig({ natsURL: 'http://joe:hunter2@h', password: 'hunter3', token: 'hunter4' }),
  );
  expect(message).not.toContain('hunter');
});

test('backOff longer than maxDeliver is refused', () => {
  const { message } = refusal(() => parseConfig({ ...url, backOff: '1s,2s,3s', maxDeliver: '2' }));
  expect(message).toContain('maxDeliver: "2" must not be smaller than the 3 delays of backOff');
});

test('a Subscription overrides consumer fields, and only those', () => {
  const base = config({ ackWait: '30s', startSequence: '7', publishTimeout: '1s' });
  const { config: own } = withOverrides(base, {
    ackwait: '5s',
    prefetchCount: '1',
    publishTimeout: '9s',
    rawPayload: 'true',
  });
  expect(own).toMatchObject({ ackWait: 5_000, prefetchCount: 1, publishTimeout: 1_000 });
  expect(own.deliverPolicy).toBe('sequence');
  const byTime = withOverrides(base, { startTime: '1630349391' }).config;
  expect(byTime).toMatchObject({ deliverPolicy: 'time', startSequence: undefined });
  const fromTime = config({ startTime: '1630349391' });
  const bySequence = withOverrides(fromTime, { startSequence: '3' }).config;
  expect(bySequence).toMatchObject({ deliverPolicy: 'sequence', startSequence: 3 });
  expect(withOverrides(base, { deliverPolicy: 'new' }).config.deliverPolicy).toBe('new');
});

test('a wrong override is refused by name', () => {
  const error = refusal(() => withOverrides(config({}), { ackWait: 'x', maxDeliver: 'y' }));
  expect(error.code).toBe('invalid-request');
  expect(error.message).toMatch(/ackWait: .*maxDeliver: /);
});
