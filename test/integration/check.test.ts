import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../src/component/config.ts';
import { Connection } from '../../src/jetstream/connection.ts';
import { findStream } from '../../src/jetstream/stream.ts';
import { component } from '../support/daprd.ts';
import { NatsServer } from '../support/nats-server.ts';
import { SilentServers } from '../support/silent-servers.ts';
import { temporaryFolder } from '../support/temp.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const folder = await temporaryFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const subscription = (topic: string, metadata = {}, scopes: string[] = []) => ({
  apiVersion: 'dapr.io/v2alpha1',
  kind: 'Subscription',
  metadata: { name: `on-${topic}` },
  spec: { pubsubname: 'pubsub', topic, routes: { default: '/' }, metadata },
  scopes,
});

const ofComponent = 'apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\n';

let number = 0;

/** Runs `check` over one file with these resources. */
async function check(resources: object[] | string | Buffer, ...args: string[]) {
  const file = join(folder.path, `${++number}.yaml`);
  const text =
    typeof resources === 'string' || Buffer.isBuffer(resources)
      ? resources
      : resources.map((one) => stringify(one)).join('---\n');
  await writeFile(file, text);
  const { code, stdout } = await promisify(execFile)(process.execPath, [
    main,
    'check',
    file,
    ...args,
  ])
    .then(({ stdout }) => ({ code: 0, stdout }))
    .catch((error) => ({ code: error.code, stdout: error.stdout }));
  return { code, stdout: stdout as string };
}

test('the Components of this project are fine', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    'check',
    join(import.meta.dirname, '../../components/pubsub.yaml'),
  ]);
  expect(stdout).toContain('ok       the metadata is valid');
});

test('says what each subscription would create, for each app', async () => {
  const { code, stdout } = await check([
    component('pubsub', { natsURL: 'nats://localhost:4222', ackWait: '10s' }),
    subscription('orders', { maxDeliver: '5' }, ['checkout', 'billing']),
    subscription('new-orders', { queueGroupName: 'workers' }),
  ]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /"orders" makes "checkout-orders", a durable pull consumer.*max_deliver 5/,
  );
  expect(stdout).toContain('"billing-orders"');
  expect(stdout).toMatch(/"workers", a durable push consumer/);
});

test('durations of a consumer are told as one writes them', async () => {
  const { stdout } = await check([
    component('pubsub', { natsURL: 'nats://localhost:4222', heartbeat: '15s' }),
    subscription('orders', { backOff: '500ms, 1m30s' }),
    subscription('news', { ephemeral: 'true' }),
  ]);
  expect(stdout).toMatch(/ack_wait 500ms, backoff \[500ms, 90s\], idle_heartbeat 15s$/m);
  expect(stdout).toMatch(/inactive_threshold 5m/);
});

test.each([
  ['orders', [], {}, '"<app id>-orders"'],
  ['orders.new', [], {}, '"<app id>-orders_new~<hash>"'],
  ['orders', ['--app-id', 'checkout'], {}, '"checkout-orders"'],
  ['orders', ['--app-id', 'checkout'], { consumerID: '' }, '"checkout-orders"'],
  ['orders', ['--app-id', 'checkout'], { consumerID: '{podName}' }, '"{podName}-orders"'],
  ['orders', [], { consumerID: '{namespace}' }, '"{namespace}-orders~<hash>"'],
])('%s, %j, %j: makes %s', async (topic, args, metadata, name) => {
  const properties = { natsURL: 'nats://localhost:4222', ...metadata };
  const { stdout } = await check([component('pubsub', properties), subscription(topic)], ...args);
  expect(stdout).toContain(`topic "${topic}" makes ${name}, a durable pull consumer`);
});

test.each([
  [
    'every problem by name',
    { ackWait: '10', maxDeliver: 'x' },
    ['ackWait: "10"', 'maxDeliver: "x"'],
  ],
  ['a misspelt field', { ackWiat: '10s' }, ['did you mean ackWait?']],
])('%s, exit code 1', async (_, metadata, words) => {
  const properties = { natsURL: 'nats://localhost:4222', ...metadata } as Record<string, string>;
  const { code, stdout } = await check([component('pubsub', properties)]);
  expect(code).toBe(1);
  for (const word of words) expect(stdout).toContain(`problem  ${word.includes('?') ? '' : word}`);
  for (const word of words) expect(stdout).toContain(word);
});

test('a Subscription that cannot work, exit code 1', async () => {
  const resources = [
    component('pubsub', { natsURL: 'nats://localhost:4222' }),
    subscription('orders', { ackWait: 'soon' }),
  ];
  const { code, stdout } = await check(resources);
  expect(code).toBe(1);
  expect(stdout).toMatch(/problem {2}Subscription on-orders: .*ackWait: "soon"/);
});

test.each([
  ['a file that is no YAML', 'a: [', 'is no YAML'],
  ['a file without a Component', 'kind: Other', 'no Component of type'],
  ['a Component without a type', `${ofComponent}spec: {}`, 'spec.type'],
  [
    'a Component of a version there is not',
    `${ofComponent}spec: {type: pubsub.nats-jetstream, version: v9}`,
    'spec.version: must be v1',
  ],
  [
    'a Component of another API',
    'apiVersion: foo\nkind: Component\nmetadata: {name: x}\nspec: {type: pubsub.nats-jetstream}',
    'apiVersion: must be dapr.io/v1alpha1:',
  ],
  [
    'a Component of no API',
    'kind: Component\nmetadata: {name: x}\nspec: {type: pubsub.nats-jetstream}',
    'apiVersion: must be dapr.io/v1alpha1:',
  ],
])('%s: exit code 1', async (_, text, words) => {
  const { code, stdout } = await check(text);
  expect(code).toBe(1);
  expect(stdout).toContain(words);
});

test('every problem of shape is told, each with its line, and what can be read is checked', async () => {
  const { code, stdout } = await check(`
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {}
spec: { version: v9 }
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: { name: on-orders }
spec: { pubsubname: pubsub, route: /orders }
---
value: *hunter2
other: *hunter3
---
value: |hunter4
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: { name: pubsub }
spec:
  type: pubsub.nats-jetstream
  metadata:
    - { name: natsURL, value: "nats://localhost:4222" }
    - { name: natsURL, value: "nats://localhost:4222" }
    - { name: ackWait, value: soon }
`);
  expect(code).toBe(1);
  const told = [...stdout.matchAll(/^ {2}problem {2}\S+\.yaml:(\d+): (.*)$/gm)];
  expect(told.map(([, line, text]) => `${line}: ${text}`)).toEqual([
    expect.stringMatching(/^2: is no Component: metadata\.name: /),
    expect.stringMatching(/^2: is no Component: spec\.type: /),
    '2: is no Component: spec.version: must be v1',
    expect.stringMatching(/^7: is no Subscription: spec\.topic: /),
    expect.stringMatching(/^12: is no YAML: an alias without its anchor; quote/),
    expect.stringMatching(/^13: is no YAML: an alias without its anchor; quote/),
    '15: is no YAML: Block scalar header includes extra characters',
    '17: Component pubsub has natsURL twice',
  ]);
  expect(stdout).toContain('problem  ackWait: "soon"');
  expect(stdout).not.toContain('hunter');
});

test('of many problems in a file the first are told, and how many more there are', async () => {
  const { stdout } = await check('kind: Component\n---\n'.repeat(30));
  expect(stdout.match(/is no Component/g)).toHaveLength(20);
  expect(stdout).toMatch(/\.yaml: and 70 more$/m);
});

test('what bursts the memory when its aliases are followed is named by its file', async () => {
  const bomb = ['a0: &a0 [x]'];
  for (let n = 1; n < 9; n++) bomb.push(`a${n}: &a${n} [${Array(9).fill(`*a${n - 1}`)}]`);
  const { code, stdout } = await check(bomb.join('\n'));
  expect(code).toBe(1);
  expect(stdout).toMatch(/problem {2}\S+\.yaml:1: cannot be read: Excessive alias count/);
});

test('what belongs to nothing, and what is there twice, is said', async () => {
  const one = component('pubsub', { natsURL: 'nats://localhost:4222' });
  const naming = (pubsubname: string) => ({
    ...subscription('orders'),
    spec: { pubsubname, topic: 'orders', routes: { default: '/' } },
  });
  const lonely = await check([one, naming('messages')]);
  expect(lonely.code).toBe(0);
  expect(lonely.stdout).toMatch(/warning .* names "messages", which no Component read here is$/m);
  const misspelt = await check([one, naming('Pubsbu')]);
  expect(misspelt.code).toBe(0);
  expect(misspelt.stdout).toMatch(/warning .* names "Pubsbu", .*; did you mean pubsub\?$/m);
  const twice = await check([one, one]);
  expect(twice).toMatchObject({ code: 1 });
  expect(twice.stdout).toMatch(/a second Component pubsub; name the files of one resources folder/);
  const topic = await check([one, subscription('orders created')]);
  expect(topic).toMatchObject({ code: 1 });
});

const own = stringify(component('pubsub', { natsURL: 'nats://localhost:4222' }));

test.each([
  ['kind: List', 'a List: passed over'],
  ['- kind: Component', 'a list, no resource: passed over'],
  ['42', 'a single value, no resource: passed over'],
  ['a: b', 'has no kind: passed over'],
])('%s beside a Component: a note', async (text, words) => {
  const { code, stdout } = await check(`${own}---\n${text}\n`);
  expect(stdout).toMatch(new RegExp(`^ {2}note {5}\\S+\\.yaml:12: ${words}$`, 'm'));
  expect(code).toBe(0);
});

test.each(['', '# nothing\n---\n'])('an empty file, %j, is said to be one', async (text) => {
  const { code, stdout } = await check(text);
  expect(stdout).toMatch(/note {5}\S+\.yaml: is empty$/m);
  expect(code).toBe(1);
});

test.each([
  ['kind: Subscripton', 'is a Subscripton, which daprd passes over; did you mean Subscription?'],
  ['kind: component', 'is a component, which daprd passes over; did you mean Component?'],
  ['knd: Component', 'knd: is not a key of a resource; did you mean kind?'],
])('%s beside a Component: exit code 1', async (text, words) => {
  const { code, stdout } = await check(`${own}---\n${text}\n`);
  expect(stdout).toContain(`.yaml:12: ${words}\n`);
  expect(code).toBe(1);
});

test.each([
  [Buffer.from('\xe9\xff\0', 'latin1'), 'is no text in UTF-8; save it as such'],
  [Buffer.from(own, 'utf16le'), 'has control characters: it is no text, or not in UTF-8'],
  ['['.repeat(2_000), 'is nested too deeply'],
  ['['.repeat(50_000), 'is nested too deeply'],
])('what cannot be read, case %#, is said to be', async (content, words) => {
  const { code, stdout } = await check(content);
  expect(stdout).toMatch(/^ {2}problem .*\n$/);
  expect(stdout).toContain(`cannot be read: ${words}`);
  expect(code).toBe(1);
});

test('UTF-16 with its byte order mark is read, as daprd does', async () => {
  expect(await check(Buffer.from(`\ufeff${own}`, 'utf16le'))).toMatchObject({ code: 0 });
});

test('a misspelt key is a problem, any other that daprd does not know a warning', async () => {
  const { code, stdout } = await check(`
apiVersion: dapr.io/v1alpha1
Kind: Component
metadata: { NAME: pubsub, labels: { any: thing } }
scopse: [checkout]
status: {}
SCOPES: [checkout]
auth: { secretStore: vault }
spec:
  type: pubsub.nats-jetstream
  metdata: []
  ignoreErrors: true
  initTimeout: 1s
  metadata:
    - { name: natsURL, value: "nats://localhost:4222" }
    - { name: ackWait, values: 10s, given: 1 }
---
APIVersion: dapr.io/v2alpha1
kind: Subscription
metadata: { name: on-orders }
spec:
  pubsubname: pubsub
  topic: orders
  metadata: { any: thing }
  deadLetterTopic: dead
  bulkSubscribe: { enabled: true, maxMessageCount: 1 }
  routes: { default: /, rules: [{ mtch: x, path: / }] }
`);
  const told = [...stdout.matchAll(/^ {2}(\w+) +\S+\.yaml:(\d+): (.*)$/gm)];
  expect(told.map(([, level, line, text]) => `${level} ${line}: ${text}`)).toEqual([
    'problem 2: scopse: is not a key of a Component; did you mean scopes?',
    'problem 2: spec.metdata: is not a key of a Component; did you mean metadata?',
    'problem 2: spec.metadata.1.values: is not a key of a Component; did you mean value?',
    expect.stringMatching(/^problem 18: spec.bulkSubscribe.max.* did you mean maxMessagesCount\?$/),
    expect.stringMatching(/^problem 18: spec.routes.rules.0.mtch: .* did you mean match\?$/),
    'warning 2: status: is not a key of a Component: daprd passes over it, without a word',
    expect.stringMatching(/^warning 2: spec.metadata.1.given: is not a key/),
  ]);
  expect(stdout).toContain('topic "orders" makes');
  expect(code).toBe(1);
});

test('of warnings and notes the first are told too, and no problem is lost behind them', async () => {
  const keys = Array.from({ length: 30 }, (_, n) => `unheardOf${n}: 1\n`).join('');
  const { code, stdout } = await check(`${own}${keys}---\n${'kind: List\n---\n'.repeat(30)}{}}`);
  expect(stdout.match(/passes over it/g)).toHaveLength(20);
  expect(stdout.match(/a List: passed over/g)).toHaveLength(20);
  expect(stdout).toMatch(/^ {2}warning .*\.yaml: and 10 more$/m);
  expect(stdout).toMatch(/^ {2}note .*\.yaml: and 10 more$/m);
  expect(stdout).toContain('is no YAML');
  expect(code).toBe(1);
});

test('scopes that leave out an app are said, and their apps alone have consumers', async () => {
  const scoped = (...scopes: string[]) => ({
    ...component('pubsub', { natsURL: 'nats://localhost:4222' }),
    scopes,
  });
  const run = async (resources: object[], ...args: string[]) => {
    const { code, stdout } = await check(resources, ...args);
    expect(code).toBe(0);
    return {
      warnings: [...stdout.matchAll(/^ {2}warning {2}(.*)$/gm)].map(([, text]) => text),
      made: [...stdout.matchAll(/makes "(\S+)"/g)].map(([, name]) => name),
    };
  };
  const orders = subscription('orders');
  const ofBilling = subscription('orders', {}, ['billing']);
  const other = ['--app-id', 'other'];
  expect(await run([scoped('checkout'), orders], ...other)).toEqual({
    warnings: ['the daprd of other does not load it: it is scoped to checkout'],
    made: ['checkout-orders'],
  });
  expect(await run([scoped(), ofBilling], ...other)).toEqual({
    warnings: [
      'Subscription on-orders: the daprd of other does not load it: it is scoped to billing',
    ],
    made: ['billing-orders'],
  });
  expect(
    await run([scoped('checkout'), subscription('orders', {}, ['billing', 'checkout'])]),
  ).toEqual({
    warnings: [
      'Subscription on-orders: billing: no pubsub there, for that Component is scoped to checkout',
    ],
    made: ['checkout-orders'],
  });
  expect((await run([scoped('checkout'), ofBilling])).made).toEqual([]);
  expect(await run([scoped('other', 'checkout'), orders], ...other)).toEqual({
    warnings: [],
    made: ['other-orders', 'checkout-orders'],
  });
});

test('a misspelt field of a Subscription is told beside one that cannot be used', async () => {
  const { code, stdout } = await check([
    component('pubsub', { natsURL: 'nats://localhost:4222' }),
    subscription('orders', { ackWait: 'soon', maxDelver: '5' }),
  ]);
  expect(stdout).toMatch(/problem .*ackWait: "soon"/);
  expect(stdout).toMatch(/warning .*maxDelver is not a field; did you mean maxDeliver\?/);
  expect(code).toBe(1);
});

test('ends silently when nobody reads its output', async () => {
  const file = join(folder.path, 'unread.yaml');
  await writeFile(file, own);
  const script = `"${process.execPath}" "${main}" check "${file}" | true; exit \${PIPESTATUS[0]}`;
  await expect(promisify(execFile)('bash', ['-c', script])).rejects.toMatchObject({
    code: 141,
    stderr: '',
  });
});

const v1 = 'dapr.io/v1alpha1';
const v2 = 'dapr.io/v2alpha1';

test.each([
  [v1, { route: '/orders' }],
  [v1, { route: '/orders', bulkSubscribe: { enabled: true } }],
  [v2, { routes: { default: '/orders' } }],
  [v2, { routes: { rules: [{ match: 'event.type == "a"', path: '/a' }] } }],
])('a Subscription of %s with %j is fine', async (apiVersion, routes) => {
  const spec = { pubsubname: 'pubsub', topic: 'orders', ...routes };
  const { code, stdout } = await check([
    component('pubsub', { natsURL: 'nats://localhost:4222' }),
    { ...subscription('orders'), apiVersion, spec },
  ]);
  expect(stdout).toContain('ok       Subscription on-orders: topic "orders" makes');
  expect(code).toBe(0);
});

test.each([
  [v1, {}, 'spec.route: is needed in dapr.io/v1alpha1'],
  [v1, { route: '' }, 'spec.route: is needed in dapr.io/v1alpha1'],
  [v1, { routes: { default: '/' } }, 'spec.route: is needed in dapr.io/v1alpha1'],
  [v2, {}, 'spec.routes: must have a default or rules in dapr.io/v2alpha1'],
  [v2, { route: '/' }, 'spec.routes: must have a default or rules in dapr.io/v2alpha1'],
  [v2, { routes: {} }, 'spec.routes: must have a default or rules in dapr.io/v2alpha1'],
  [v2, { routes: { rules: [] } }, 'spec.routes: must have a default or rules in dapr.io/v2alpha1'],
  [v2, { routes: { rules: [{ match: 'x' }] } }, 'spec.routes.rules.0.path: '],
  ['dapr.io/v3', { route: '/' }, 'apiVersion: must be dapr.io/v1alpha1 or dapr.io/v2alpha1'],
  [undefined, { route: '/' }, 'apiVersion: must be dapr.io/v1alpha1 or dapr.io/v2alpha1'],
])('a Subscription of %s with %j: exit code 1', async (apiVersion, routes, words) => {
  const spec = { pubsubname: 'pubsub', topic: 'orders', ...routes };
  const { code, stdout } = await check([{ ...subscription('orders'), apiVersion, spec }]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^ {2}problem {2}\S+:1: is no Subscription: /m);
  expect(stdout).toContain(`is no Subscription: ${words}`);
});

test('secrets are passed over, and never shown', async () => {
  const resource = component('pubsub', { natsURL: 'nats://joe:hunter2@localhost', jwt: 'hunter3' });
  (resource as { spec: { metadata: object[] } }).spec.metadata.push({
    name: 'seedKey',
    secretKeyRef: { name: 'nats', key: 'seed' },
  });
  const { code, stdout } = await check([resource]);
  expect(code).toBe(1);
  expect(stdout).toContain('jwt: is no JWT');
  expect(stdout).not.toMatch(/hunter|together/);
});

test('--connect: server, credentials, stream and permissions', async () => {
  const config = `authorization { users: [
    { user: full, password: p }
    { user: part, password: p, permissions: { publish: { deny: "$JS.API.CONSUMER.CREATE.>" } } }
  ] }`;
  await using nats = await NatsServer.start({ config, client: { user: 'full', pass: 'p' } });
  await nats.stream('ORDERS', 'orders');
  const run = (user: string, password: string, topic = 'orders') =>
    check(
      [component('pubsub', { natsURL: nats.url, username: user, password }), subscription(topic)],
      '--connect',
    );
  const fine = await run('full', 'p');
  expect(fine).toMatchObject({ code: 0 });
  expect(fine.stdout).toContain('stream ORDERS takes the subject "orders"');
  expect(await nats.api.consumers.list('ORDERS').next()).toEqual([]);
  for (const [result, words] of [
    [await run('full', 'wr0ng'), 'refused the credentials'],
    [await run('full', 'p', 'nowhere'), 'no stream takes the subject'],
    [await run('part', 'p'), 'may not publish to $JS.API.CONSUMER.CREATE.ORDERS.'],
  ] as const) {
    expect(result.code).toBe(1);
    expect(result.stdout).toContain(words);
  }
  const named = (streamName: string, topic: string) =>
    check(
      [
        component('pubsub', { natsURL: nats.url, username: 'full', password: 'p', streamName }),
        subscription(topic),
      ],
      '--connect',
    );
  expect(await named('ORDERS', 'orders')).toMatchObject({ code: 0 });
  for (const [result, words] of [
    [await named('ABSENT', 'orders'), 'there is no stream "ABSENT"'],
    [await named('ORDERS', 'other'), 'stream "ORDERS" does not take the subject "other"'],
  ] as const) {
    expect(result.code).toBe(1);
    expect(result.stdout).toContain(words);
  }
  await nats.stop();
  const down = await run('full', 'p');
  expect(down.code).toBe(1);
  expect(down.stdout).toContain('cannot reach NATS');
});

test('--connect: the dead letters have a stream, or get one, and may be put there', async () => {
  const config = `authorization { users: [
    { user: full, password: p }
    { user: part, password: p, permissions: { publish: { deny: [ "dead", "made" ] } } }
  ] }`;
  await using nats = await NatsServer.start({ config, client: { user: 'full', pass: 'p' } });
  await nats.stream('ORDERS', 'orders');
  await nats.stream('DEAD', 'dead');
  const own = { streamManagement: 'create', streamName: 'NEW' };
  const added = 'takes only new: add it to streamSubjects';
  const denied = 'problem  the user may not publish to';
  for (const [code, words, fields, topic = 'orders'] of [
    [0, 'ok       # stream DEAD takes the subject "dead"', { deadLetterSubject: 'dead' }],
    [0, 'ok       # stream DEAD', { deadLetterSubject: 'dead', streamName: 'ORDERS' }],
    [1, 'problem  # no stream takes the subject "made"; create one: nats stream add', {}],
    [0, 'note     # no stream takes the subject "made" yet', { streamManagement: 'create' }],
    [0, 'note     # no', { streamManagement: 'update', streamName: 'ORDERS' }],
    [1, 'problem  # stream "ORDERS" does not take', { ...own, streamName: 'ORDERS' }],
    [1, `problem  # no stream takes the subject "made", and the one that would be`, own, 'new'],
    [1, added, { streamManagement: 'create', streamSubjects: 'new' }, 'new'],
    [0, 'note     # no', { ...own, streamSubjects: 'new, made' }, 'new'],
    [1, `${denied} dead`, { username: 'part', deadLetterSubject: 'dead' }],
    [1, `${denied} made`, { username: 'part', ...own, streamSubjects: 'new, made' }, 'new'],
  ] as [number, string, Record<string, string>, string?][]) {
    const login = { natsURL: nats.url, username: 'full', password: 'p' };
    const properties = { ...login, deadLetterSubject: 'made', ...fields };
    const result = await check([component('pubsub', properties), subscription(topic)], '--connect');
    expect(result.stdout).toContain(words.replace('#', 'deadLetterSubject:'));
    expect(result.code, words).toBe(code);
  }
  expect(await nats.api.streams.names().next()).toEqual(['DEAD', 'ORDERS']);
});

/** May do what docs/configuration.md#permissions asks for, except what `publish` and `deny` change. */
const user = (name: string, publish: string, deny = '') => `{
  user: ${name}, password: p, permissions: {
    publish: { allow: [ ${publish} ], deny: [ ${deny} ] }
    subscribe: { allow: [ "_INBOX.>", "orders" ] }
  }
}`;

test('--connect: permissions are looked at also where the user may not ask for them', async () => {
  const config = `authorization { users: [
    { user: full, password: p }
    ${user('documented', '"$JS.API.>", "$JS.ACK.>", orders')}
    ${user('silenced', '"$JS.API.>", orders')}
    ${user('few', '"$JS.API.STREAM.>", orders')}
    ${user('asks', '"$JS.API.>", "$JS.ACK.>", "$SYS.REQ.USER.INFO"')}
    ${user('readonly', '"$JS.API.>", "$JS.ACK.>", "$SYS.REQ.USER.INFO", "dead"')}
  ] }`;
  await using nats = await NatsServer.start({ config, client: { user: 'full', pass: 'p' } });
  await nats.stream('ORDERS', 'orders', 'dead');
  await nats.client.request('orders', 'one');
  const consumers = nats.api.consumers;
  await consumers.add('ORDERS', { durable_name: 'app-orders', ack_policy: 'explicit' });
  const js = nats.api.jetstream();
  const message = await (await js.consumers.get('ORDERS', 'app-orders')).next();
  const before = await consumers.info('ORDERS', 'app-orders');
  const run = async (username: string, metadata = {}, ...args: string[]) => {
    const { code, stdout } = await check(
      [
        component('pubsub', { natsURL: nats.url, username, password: 'p', ...metadata }),
        subscription('orders'),
      ],
      '--connect',
      ...args,
    );
    const told = [...stdout.matchAll(/^ {2}(?:note|problem) +(.*)$/gm)].map(([, text]) => text);
    return { code, told };
  };
  const unasked =
    'permissions to publish to topics not looked at: the user may not ask $SYS.REQ.USER.INFO';
  const denied = (subject: string) => `the user may not publish to ${subject}`;
  const app = ['--app-id', 'app'];
  const deadLetters = { deadLetterSubject: 'dead' };
  expect(await run('documented', deadLetters, ...app)).toEqual({ code: 0, told: [unasked] });
  expect(await consumers.info('ORDERS', 'app-orders')).toMatchObject({
    num_ack_pending: 1,
    delivered: before.delivered,
    ack_floor: before.ack_floor,
  });
  expect(await run('documented', { flowControl: 'true' }, ...app)).toEqual({
    code: 1,
    told: [unasked, denied('$JS.FC.ORDERS.app-orders.0')],
  });
  expect(await run('silenced', {}, ...app)).toEqual({
    code: 1,
    told: [unasked, denied('$JS.ACK.ORDERS.app-orders.1.0.0.0.0')],
  });
  expect(await run('few')).toEqual({
    code: 1,
    told: [
      unasked,
      denied('$JS.API.CONSUMER.INFO.ORDERS.<app id>-orders'),
      denied('$JS.API.CONSUMER.CREATE.ORDERS.<app id>-orders.orders'),
      denied('$JS.ACK.ORDERS.<app id>-orders.1.0.0.0.0'),
      denied('$JS.API.CONSUMER.MSG.NEXT.ORDERS.<app id>-orders'),
    ],
  });
  expect(await run('asks', deadLetters)).toEqual({
    code: 1,
    told: [denied('dead'), `${denied('orders')}: its apps can only subscribe`],
  });
  expect(await run('readonly', deadLetters)).toEqual({
    code: 0,
    told: [`${denied('orders')}: its apps can only subscribe`],
  });
  expect((await consumers.list('ORDERS').next()).map(({ name }) => name)).toEqual(['app-orders']);
  expect(await message?.ackAck()).toBe(true);
});

test('--connect: making or changing a stream needs its permission, and the rest is looked at too', async () => {
  const api = '"$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>"';
  const all = `${api}, "$JS.API.STREAM.*.*", "$JS.API.CONSUMER.>", "$JS.ACK.>"`;
  const informed = '"$SYS.REQ.USER.INFO", new, made';
  const config = `authorization { users: [
    { user: full, password: p }
    ${user('may', all, '"$JS.API.STREAM.UPDATE.>"')}
    ${user('changes', all, '"$JS.API.STREAM.CREATE.>"')}
    ${user('reads', `${api}, "$JS.API.CONSUMER.>", "$JS.ACK.>"`)}
    ${user('informed', `${api}, "$JS.API.CONSUMER.>", "$JS.ACK.>", ${informed}`)}
    ${user('few', api)}
    ${user('blind', '"$JS.API.STREAM.NAMES", "$JS.API.CONSUMER.>", "$JS.ACK.>"')}
    ${user('nameless', '"$JS.API.STREAM.*.*", "$JS.API.CONSUMER.>", "$JS.ACK.>"')}
  ] }`;
  await using nats = await NatsServer.start({ config, client: { user: 'full', pass: 'p' } });
  await nats.stream('ORDERS', 'orders');
  await nats.stream('taken', 'else');
  const managing = parseConfig({
    natsURL: nats.url,
    username: 'full',
    password: 'p',
    streamManagement: 'create',
  }).config;
  const connection = await Connection.open(managing, pino({ level: 'silent' }));
  const hashed = await findStream(connection, managing, 'a.b');
  await connection.close();
  await nats.api.streams.delete(hashed);
  const streams = async () =>
    (await nats.api.streams.list().next()).map(({ config, state }) => ({ config, state }));
  const before = await streams();
  const sent: string[] = [];
  nats.client.subscribe('$JS.API.>', {
    callback: (_, message) => {
      if (message.string() === '?') sent.push(message.subject);
    },
  });
  const create = (name: string) => `the user may not publish to $JS.API.STREAM.CREATE.${name}`;
  const update = (name: string) => `the user may not publish to $JS.API.STREAM.UPDATE.${name}`;
  const deadLetters = { deadLetterSubject: 'made' };
  for (const [username, streamManagement, topic, problems, fields] of [
    ['may', 'create', 'new', []],
    ['may', 'update', 'new', []],
    ['may', 'update', 'orders', [update('ORDERS')]],
    ['may', 'update', 'new', [update('ORDERS')], { streamName: 'ORDERS' }],
    ['may', 'update', 'taken', [update('taken')]],
    ['changes', 'update', 'orders', []],
    ['changes', 'update', 'new', [], { streamName: 'ORDERS' }],
    ['reads', 'create', 'orders', []],
    ['reads', 'create', 'new', [create('new')]],
    ['reads', 'update', 'new', [create('new')]],
    ['reads', 'create', 'new', [create('OWN')], { streamName: 'OWN' }],
    ['reads', 'create', 'a.b', [create(hashed)]],
    ['reads', 'create', 'orders', [create('made')], deadLetters],
    ['reads', 'update', 'new', [update('ORDERS')], { ...deadLetters, streamName: 'ORDERS' }],
    ['reads', 'create', 'new', [create('new')], { ...deadLetters, streamSubjects: 'new, made' }],
    ['informed', 'create', 'new', [create('new')]],
    ['may', 'create', 'taken', ['no stream can be made for the subject "taken": there is a']],
    ['blind', 'create', 'new', ['the user may not publish to "$JS.API.STREAM.INFO.new"']],
    ['blind', 'none', 'orders', ['the user may not publish to "$JS.API.STREAM.INFO.ORDERS"']],
    [
      'nameless',
      'create',
      'orders',
      ['the user may not publish to "$JS.API.STREAM.NAMES"'],
      { streamName: 'ORDERS' },
    ],
    [
      'few',
      'create',
      'new',
      [
        create('new'),
        'the user may not publish to $JS.API.CONSUMER.INFO.new.app-new',
        'the user may not publish to $JS.API.CONSUMER.CREATE.new.app-new.new',
        'the user may not publish to $JS.ACK.new.app-new.',
        'the user may not publish to $JS.API.CONSUMER.MSG.NEXT.new.app-new',
      ],
    ],
  ] as [string, string, string, string[], Record<string, string>?][]) {
    const properties = { natsURL: nats.url, username, password: 'p', streamManagement, ...fields };
    const { code, stdout } = await check(
      [component('pubsub', properties), subscription(topic)],
      '--connect',
      '--app-id',
      'app',
    );
    const told = [...stdout.matchAll(/^ {2}problem +(.*)$/gm)].map(([, text]) => text);
    const about = `${username} ${streamManagement} ${topic}`;
    expect(told, about).toEqual(problems.map((text) => expect.stringContaining(text)));
    expect(code, about).toBe(told.length > 0 ? 1 : 0);
  }
  expect(sent).toContain('$JS.API.STREAM.CREATE.new');
  expect(sent.filter((one) => /STREAM\.(?!CREATE|UPDATE|MSG\.GET)/.test(one))).toEqual([]);
  expect(await streams()).toEqual(before);
});

test.each([
  ['is silent', (socket: Socket) => socket.removeAllListeners('data').resume()],
  ['is gone', (socket: Socket) => socket.destroy()],
])('--connect: permissions are not taken for given where the server %s', async (_, end) => {
  const config = `authorization { users: [
    { user: full, password: p }
    ${user('documented', '"$JS.API.>", "$JS.ACK.>"')}
  ] }`;
  await using nats = await NatsServer.start({ config, client: { user: 'full', pass: 'p' } });
  await nats.stream('ORDERS', 'orders');
  await using between = createServer((near) => {
    const far = connect(nats.port, '127.0.0.1');
    far.on('error', () => near.destroy()).pipe(near);
    near.on('error', () => far.destroy()).on('close', () => far.destroy());
    near.on('data', (chunk) => {
      if (chunk.includes('\r\n?\r\n')) end(near);
      else far.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  const natsURL = `nats://127.0.0.1:${(between.address() as AddressInfo).port}`;
  const { code, stdout } = await check(
    [
      component('pubsub', { natsURL, username: 'documented', password: 'p' }),
      subscription('orders'),
    ],
    '--connect',
  );
  expect(stdout).toContain('ok       stream ORDERS takes');
  expect(stdout).toContain('problem  permissions not looked at: no answer from the server');
  expect(code).toBe(1);
});

test('--connect: a server that is listed often is named once', async () => {
  const natsURL = Array(20).fill('nats://127.0.0.1:1').join();
  const { code, stdout } = await check([component('pubsub', { natsURL })], '--connect');
  expect(stdout.match(/127\.0\.0\.1:1\b/g)?.length).toBeLessThan(4);
  expect(code).toBe(1);
});

test('--connect: a server that says nothing is given up, and the command ends', async () => {
  await using silent = await SilentServers.start(1);
  const start = Date.now();
  const { code, stdout } = await check(
    [component('pubsub', { natsURL: silent.urls.join() })],
    '--connect',
  );
  expect(Date.now() - start).toBeLessThan(7_000);
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringContaining('cannot reach NATS'),
  });
});
