import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, expect, test } from 'vitest';
import { Host } from '../../support/host.ts';
import { createOperator } from '../../support/operator.ts';
import { startPair } from '../../support/pair.ts';
import { temporaryFolder } from '../../support/temp.ts';

const pair = await startPair();
afterAll(() => pair[Symbol.asyncDispose]());

const { user } = createOperator();
const secret = 'hunter2';
const accountSeed = new TextDecoder().decode(nkeys.createAccount().getSeed());
const long = 'x'.repeat(300);
const nowhere = '/nowhere/at/all';
const here = import.meta.filename;

/** Field, value, and what else is set. */
const bad: [string, string, Record<string, string>?][] = [
  ['natsURL', ''],
  ['natsURL', ' '],
  ['natsURL', 'http://localhost:4222'],
  ['natsURL', 'ws://localhost:4222'],
  ['natsURL', 'localhost:port'],
  ['natsURL', 'nats://localhost:0x10'],
  ['natsURL', 'nats://localhost:70000'],
  ['natsURL', 'nats://'],
  ['natsURL', 'nats://a,,nats://b'],
  ['natsURL', ','],
  ['natsURL', 'nats://localhost:4222/path'],
  ['natsURL', 'nats://localhost:4222?query'],
  ['natsURL', `nats://:${secret}@localhost`],
  ['natsURL', `nats://a:${secret}@h, nats://b:${secret}@i`],
  ['jwt', secret, { seedKey: user.seed }],
  ['jwt', 'a.b.c', { seedKey: user.seed }],
  ['jwt', user.jwt],
  ['seedKey', user.seed],
  ['seedKey', secret, { jwt: user.jwt }],
  ['seedKey', accountSeed, { jwt: user.jwt }],
  ['seedKey', `${user.seed}A`, { jwt: user.jwt }],
  ['nkeySeed', secret],
  ['nkeySeed', accountSeed],
  ['nkeySeed', user.seed.toLowerCase()],
  ['creds', secret],
  ['creds', user.jwt],
  ['creds', user.creds, { credsFile: here }],
  ['credsFile', nowhere],
  ['credsFile', '/'],
  ['credsFile', here],
  ['tls_client_cert', nowhere, { tls_client_key: nowhere }],
  ['tls_client_cert', here, { tls_client_key: here }],
  ['tls_client_key', secret, { tls_client_cert: here }],
  ['tls_ca_cert', nowhere],
  ['tls_ca_cert', here],
  ['tls_ca_cert', '/'],
  ['tls_ca_cert', '/dev/zero'],
  ['tls_client_cert', '/dev/zero', { tls_client_key: '/dev/zero' }],
  ['credsFile', '/dev/zero'],
  ['credsFile', user.seed],
  ['credsFile', user.creds],
  ['tls_client_cert', secret, { tls_client_key: secret }],
  ['token', long.repeat(10)],
  ['name', long.repeat(10)],
  ['username', 'joe'],
  ['password', secret],
  ['streamName', 'a.b'],
  ['streamName', 'a b'],
  ['streamName', '*'],
  ['streamName', '>'],
  ['streamName', 'a/b'],
  ['streamName', long],
  ['durableName', 'a.b'],
  ['durableName', 'a\tb'],
  ['durableName', 'a>b'],
  ['durableName', 'a\\b'],
  ['durableName', long],
  ['queueGroupName', 'a b'],
  ['queueGroupName', 'a.*'],
  ['queueGroupName', long],
  ['queueGroupName', 'dotted.name'],
  ['queueGroupName', 'a..b', { durableName: 'd' }],
  ['ephemeral', 'maybe'],
  ['ephemeral', '2'],
  ['consumerType', 'both'],
  ['startSequence', '-1'],
  ['startSequence', '1.5'],
  ['startSequence', 'first'],
  ['startTime', 'yesterday'],
  ['startTime', '-1'],
  ['startTime', '99999999999'],
  ['deliverPolicy', 'some'],
  ['deliverPolicy', 'sequence'],
  ['deliverPolicy', 'time'],
  ['deliverAll', 'perhaps'],
  ['flowControl', 'x'],
  ['heartbeat', '5'],
  ['heartbeat', '99ms'],
  ['heartbeat', '-5s'],
  ['rateLimit', '1k'],
  ['ackPolicy', 'sometimes'],
  ['ackWait', '30'],
  ['ackWait', '-1s'],
  ['ackWait', '1 s'],
  ['ackWait', '999999999h'],
  ['maxDeliver', '-2'],
  ['maxDeliver', 'x'],
  ['maxDeliver', '1', { backOff: '1s,2s' }],
  ['backOff', '1,2'],
  ['backOff', '1s,,2s'],
  ['backOff', '[1s'],
  ['backOff', '0s,1s'],
  ['maxAckPending', '-2'],
  ['maxAckPending', '1e3'],
  ['prefetchCount', '0'],
  ['prefetchCount', '65537'],
  ['concurrency', 'double'],
  ['replicas', '6'],
  ['replicas', '-1'],
  ['memoryStorage', 'ram'],
  ['domain', 'a..b'],
  ['domain', '*'],
  ['apiPrefix', 'a b'],
  ['apiPrefix', '>'],
  ['deadLetterSubject', 'dead.*'],
  ['deadLetterSubject', 'dead letters'],
  ['deadLetterSubject', long],
  ['streamManagement', 'yes'],
  ['streamSubjects', 'a b'],
  ['streamSubjects', 'a,,b'],
  ['streamStorage', 'disk'],
  ['streamReplicas', '0'],
  ['streamReplicas', '6'],
  ['streamRetention', 'forever'],
  ['streamMaxAge', '7d'],
  ['streamMaxBytes', '1GB'],
  ['duplicateWindow', '120'],
  ['publishTimeout', '5'],
  ['publishTimeout', '0s'],
];

test('there are at least 80 of them', () => {
  expect(bad.length).toBeGreaterThanOrEqual(80);
});

test.each(bad)('%s: %j is refused by name, within 5 s', async (name, value, others = {}) => {
  using host = new Host(pair.component.socket);
  const start = Date.now();
  const error = await host.init({ natsURL: pair.nats.url, ...others, [name]: value }).then(
    () => undefined,
    (refusal) => refusal,
  );
  expect(Date.now() - start).toBeLessThan(5_000);
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
  expect(error.details).toMatch(new RegExp(`\\b${name}\\b`));
});

test.each([
  ['ackWiat', 'ackWait'],
  ['NATSURLS', 'natsURL'],
  ['durable_name', 'durableName'],
  ['streamname ', 'streamName'],
  ['tls_client_certs', 'tls_client_cert'],
])('%j: did you mean %s?', async (wrong, right) => {
  using host = new Host(pair.component.socket);
  await expect(host.init({ natsURL: pair.nats.url, [wrong]: '1' })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining(`did you mean ${right}?`),
  });
});

test('a pipe nobody writes to blocks nobody', async () => {
  await using folder = await temporaryFolder();
  const pipe = join(folder.path, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  using host = new Host(pair.component.socket);
  await expect(host.init({ natsURL: pair.nats.url, credsFile: pipe })).rejects.toMatchObject({
    details: expect.stringContaining('no regular file'),
  });
});

test('thousands of unknown keys: one short warning; misspelt ones: a short refusal', async () => {
  const many = (key: (index: number) => string) =>
    Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [key(index), 'x']));
  using host = new Host(pair.component.socket);
  await host.init({ natsURL: pair.nats.url, ...many((index) => `${long}${index}`) });
  const warning = await pair.component.line(/ignored unknown metadata/);
  expect(warning.length).toBeLessThan(4_000);
  const refusal = await host
    .init({
      natsURL: pair.nats.url,
      ...many((index) => `ackwait${index % 10}`),
      ...many((i) => `heartbeat${i % 7}`),
    })
    .catch(({ details }) => details);
  expect(refusal.length).toBeLessThan(4_000);
});

test('no secret is in any answer above, nor in the log', async () => {
  const answers: string[] = [];
  for (const [name, value, others = {}] of bad) {
    using host = new Host(pair.component.socket);
    await host
      .init({ natsURL: pair.nats.url, ...others, [name]: value })
      .catch(({ details }) => answers.push(details));
  }
  const said = [...answers, ...pair.component.lines].join('\n');
  expect(answers.length).toBe(bad.length);
  for (const hidden of [secret, user.seed, user.jwt, accountSeed])
    expect(said).not.toContain(hidden);
});
