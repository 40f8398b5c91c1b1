import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { malformed, useScene } from '../../support/hostile-cases.ts';
import { data, grpcMessage } from '../../support/http2/frames.ts';
import type { Http2Client } from '../../support/http2-client.ts';
import { initRequest } from '../../support/messages.ts';
import { SilentServers } from '../../support/silent-servers.ts';

const scene = useScene();
const outOfTime = ['DEADLINE_EXCEEDED', 'RST_STREAM CANCEL'];

/** Calls Init with a NATS server that says nothing: it takes 2 s and fails. Returns its stream. */
function slowCall(client: Http2Client, natsURL: string, timeout: string): number {
  const message = initRequest({ natsURL, consumerID: 'slow' });
  return client.request('Init', message, [
    ['grpc-timeout', timeout],
    ['x-component-instance', `slow-${client.lastStream}`],
  ]);
}

test.each([
  ['0n', 0],
  ['0S', 0],
  ['1n', 0],
  ['99999999n', 100],
  ['200000u', 200],
  ['300m', 300],
  ['1S', 1_000],
])('ends a call after its grpc-timeout of %s', async (timeout, milliseconds) => {
  await using silent = await SilentServers.start(1);
  using client = await scene.open();
  const start = performance.now();
  const stream = slowCall(client, silent.urls[0] as string, timeout);
  expect(await client.outcome(stream)).toBeOneOf(outOfTime);
  const passed = performance.now() - start;
  // Timers may fire a millisecond early.
  expect(passed).toBeGreaterThanOrEqual(milliseconds - 2);
  expect(passed).toBeLessThan(milliseconds + 500);
  expect(await client.usable()).toBe('OK');
});

/** Over 2^31 or 2^32 milliseconds a timer of Node fires at once. */
test('waits for a call whose grpc-timeout is days, months or millennia', async () => {
  await using silent = await SilentServers.start(1);
  using client = await scene.open();
  const timeouts = [
    '2147484S',
    '4294968S',
    '99999999S',
    '35792M',
    '99999999M',
    '597H',
    '99999999H',
  ];
  const calls = timeouts.map((timeout) => slowCall(client, silent.urls[0] as string, timeout));
  await sleep(1_000);
  expect(client.events).toEqual([]);
  for (const stream of calls) expect(await client.outcome(stream, 8_000)).toBe('UNAVAILABLE');
});

test.each(['1S', '99999999H', '5000000u'])('answers in time within %s', async (timeout) => {
  using client = await scene.open();
  const stream = client.request('Ping', Buffer.alloc(0), [['grpc-timeout', timeout]]);
  expect(await client.outcome(stream)).toBe('OK');
});

/** gRPC: at most eight digits and a unit. grpc-go answers with HTTP 400, others with INTERNAL. */
test.each([
  '',
  '1',
  'S',
  'abc',
  '1x',
  '-1S',
  '+1S',
  '1.5S',
  '1 S',
  '1s',
  '0x1S',
  '123456789S',
  '1SS',
])('refuses the malformed grpc-timeout "%s"', async (timeout) => {
  using client = await scene.open();
  const stream = client.request('Ping', Buffer.alloc(0), [['grpc-timeout', timeout]]);
  expect(await client.outcome(stream)).toBeOneOf([...malformed, 'INTERNAL', 'INVALID_ARGUMENT']);
  expect(await client.usable()).toBe('OK');
});

test('ends a subscription after its grpc-timeout, also while nothing has been said on it', async () => {
  using client = await scene.open();
  const silent = client.begin('PullMessages', [['grpc-timeout', '200m']]);
  const half = client.begin('PullMessages', [['grpc-timeout', '200m']]);
  client.send(data(half, grpcMessage(Buffer.alloc(0), 0, 1_000)));
  expect(await client.outcome(silent)).toBeOneOf(outOfTime);
  expect(await client.outcome(half)).toBeOneOf(outOfTime);
});

test('ends a unary call after its grpc-timeout whose message does not come', async () => {
  using client = await scene.open();
  const stream = client.begin('Ping', [['grpc-timeout', '200m']]);
  client.send(data(stream, grpcMessage(Buffer.alloc(0), 0, 1_000)));
  expect(await client.outcome(stream)).toBeOneOf(outOfTime);
  expect(await client.usable()).toBe('OK');
});
