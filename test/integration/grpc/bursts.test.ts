import { expect, test } from 'vitest';
import { openInitialised } from '../../support/attacks/attack.ts';
import {
  data,
  defaultFrameSize,
  flag,
  grpcMessage,
  initialWindow,
  lastData,
  resetStream,
  setting,
} from '../../support/http2/frames.ts';
import type { Http2Client } from '../../support/http2-client.ts';
import { publishRequest, pullRequest } from '../../support/messages.ts';
import { type Pair, startPair } from '../../support/pair.ts';
import { until } from '../../support/wait.ts';

/**
 * What a well-behaved client may do all at once. Its connection must survive: daprd never opens a subscription again
 * that has ended.
 */
const component = ['x-component-instance', 'daprd'] as const;

/** A client with a subscription. Returns the stream of it. */
async function subscriber(
  pair: Pair,
  options = {},
): Promise<[client: Http2Client, stream: number]> {
  const target = { socket: pair.component.socket, natsURL: pair.nats.url };
  const client = await openInitialised(target, 'daprd', options);
  const stream = client.begin('PullMessages', [component]);
  client.send(data(stream, grpcMessage(pullRequest({ topic: 'orders' }))));
  return [client, stream];
}

/** Checks that a message that is published now arrives on the subscription. */
async function expectAlive(pair: Pair, client: Http2Client, stream: number): Promise<void> {
  const before = client.stream(stream).received;
  await pair.nats.client.publish('orders', 'alive');
  await until('a message', () => client.stream(stream).received > before).catch(() => undefined);
  expect(client.events.filter((event) => event.stream === 0 || event.stream === stream)).toEqual(
    [],
  );
  expect(client.stream(stream).received).toBeGreaterThan(before);
}

test.each([900, 3_000])(
  '%i calls that are cancelled in the same moment end nothing else',
  async (count) => {
    await using pair = await startPair();
    await pair.nats.stream('ORDERS', 'orders', 'other');
    const [subscribed, stream] = await subscriber(pair);
    using client = subscribed;
    await expectAlive(pair, client, stream);
    // As in an outage of NATS, when an app ends that has published all the time.
    pair.nats.signal('SIGSTOP');
    const message = publishRequest('other', Buffer.from('x'));
    const calls = Array.from({ length: count }, () =>
      client.request('Publish', message, [component]),
    );
    expect(await client.outcome(calls.at(-1), 500)).toBe('nothing');
    client.send(...calls.map((call) => resetStream(call, 'CANCEL')));
    await client.usable();
    pair.nats.signal('SIGCONT');
    await expectAlive(pair, client, stream);
  },
);

test('150 publishes of 1 MB that are sent in turns end nothing else, whatever becomes of them', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders', 'other');
  const [subscribed, stream] = await subscriber(pair);
  using client = subscribed;
  await expectAlive(pair, client, stream);
  const body = grpcMessage(publishRequest('other', Buffer.alloc(1_000_000, 'x')));
  const calls = Array.from({ length: 150 }, () => client.begin('Publish', [component]));
  const window = client.setting(setting.INITIAL_WINDOW_SIZE, initialWindow);
  let all = 1_000;
  // As grpc-go does: one frame of each call, then the next one of each.
  for (let at = 0; at < body.length; at += defaultFrameSize) {
    const part = body.subarray(at, at + defaultFrameSize);
    const last = at + part.length === body.length ? flag.END_STREAM : 0;
    for (const call of calls) {
      const ended = () => client.events.some((event) => event.stream === call);
      const room = () =>
        Math.min(window + client.credited(call) - at, initialWindow + client.credited(0) - all);
      if (ended()) continue;
      await until('room', () => room() >= part.length || ended() || client.closed);
      all += part.length;
      await client.push(data(call, part, last));
    }
  }
  const outcomes = await Promise.all(calls.map((call) => client.outcome(call, 15_000)));
  for (const outcome of new Set(outcomes)) {
    expect(outcome).toBeOneOf(['OK', 'UNAVAILABLE', 'RESOURCE_EXHAUSTED']);
  }
  await expectAlive(pair, client, stream);
});

test('1,000 calls that were refused while their messages were under way end nothing else', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const [subscribed, stream] = await subscriber(pair);
  using client = subscribed;
  await expectAlive(pair, client, stream);
  const most = initialWindow + client.credited(0) - 1_000;
  const part = Buffer.alloc(Math.min(defaultFrameSize, Math.floor(most / 1_000)));
  for (let count = 0; count < 1_000; count++) {
    // Larger than anything that the server takes.
    const call = client.begin('Publish', [component]);
    client.send(data(call, Buffer.concat([grpcMessage(Buffer.alloc(0), 0, 200_000_000)])));
    client.send(data(call, part.subarray(5)), lastData(call, Buffer.alloc(0)));
  }
  expect(await client.outcome(client.lastStream)).toBe('RESOURCE_EXHAUSTED');
  await expectAlive(pair, client, stream);
});

test('a client may give back each frame on both windows', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  const [subscribed, stream] = await subscriber(pair, { credit: true });
  using client = subscribed;
  await expectAlive(pair, client, stream);
  for (let count = 0; count < 4_000; count++) client.request('Features');
  expect(await client.outcome(client.lastStream)).toBe('OK');
  await expectAlive(pair, client, stream);
});
