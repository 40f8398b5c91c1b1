import { expect, test } from 'vitest';
import { emptyMessage, pingBlock } from '../../support/hostile-cases.ts';
import {
  data,
  defaultFrameSize,
  errorName,
  flag,
  frameType,
  goaway,
  grpcMessage,
  headers,
  lastData,
  most31,
  setting,
  windowUpdate,
} from '../../support/http2/frames.ts';
import { Http2Client } from '../../support/http2-client.ts';
import { initRequest, publishRequest, pullRequest } from '../../support/messages.ts';
import { type Pair, startPair } from '../../support/pair.ts';
import { TcpRelay } from '../../support/relay.ts';
import { until } from '../../support/wait.ts';

const component = [['x-component-instance', 'raw']] as const;

/** The GOAWAY frames that have arrived: last stream and error. */
const goaways = (client: Http2Client) =>
  client
    .received(frameType.GOAWAY)
    .map(({ payload }) => [payload.readUInt32BE(0), errorName(payload.readUInt32BE(4))]);

async function init(client: Http2Client, natsURL: string): Promise<void> {
  const stream = client.request('Init', initRequest({ natsURL, consumerID: 'raw' }), component);
  expect(await client.outcome(stream, 10_000)).toBe('OK');
}

/** A client whose Ping is answered as far as its windows allow: not at all. */
async function withWaitingCall(pair: Pair): Promise<[client: Http2Client, stream: number]> {
  const client = await Http2Client.open(pair.component.socket, {
    settings: [[setting.INITIAL_WINDOW_SIZE, 0]],
  });
  const stream = client.request('Ping');
  await until('the headers of the answer', () => client.stream(stream).headers);
  return [client, stream];
}

test('SIGTERM: GOAWAY with 2^31 - 1, then with the last stream, and a running call is finished', async () => {
  await using pair = await startPair();
  const [waiting, stream] = await withWaitingCall(pair);
  using client = waiting;
  pair.component.signal('SIGTERM');
  await until('the first GOAWAY', () => goaways(client).length > 0);
  client.send(windowUpdate(stream, 1_000));
  expect(await client.outcome(stream)).toBe('OK');
  expect(await client.ends()).toBe(true);
  expect(goaways(client)).toEqual([
    [most31, 'NO_ERROR'],
    [stream, 'NO_ERROR'],
  ]);
  expect(client.violations).toEqual([]);
  expect(await pair.component.ended).toBe(0);
});

test('SIGTERM: a call that comes after the first GOAWAY is answered, or is above the last stream', async () => {
  await using pair = await startPair();
  const [waiting, first] = await withWaitingCall(pair);
  using client = waiting;
  pair.component.signal('SIGTERM');
  await until('the first GOAWAY', () => goaways(client).length > 0);
  const calls = [first];
  // The waiting call keeps the connection open, for 500 ms at most.
  for (let count = 0; count < 25; count++) {
    const stream = client.request('Ping');
    client.send(windowUpdate(stream, 1_000));
    calls.push(stream);
    await new Promise((done) => setTimeout(done, 5));
  }
  client.send(windowUpdate(first, 1_000));
  expect(await client.ends()).toBe(true);
  const [last] = goaways(client).at(-1) ?? [];
  for (const stream of calls) {
    const outcome = client.events.find((event) => event.stream === stream)?.what;
    if (stream <= Number(last)) expect(outcome, `stream ${stream} of ${last}`).toBe('OK');
    else
      expect(outcome, `stream ${stream} of ${last}`).toBeOneOf([
        undefined,
        'RST_STREAM REFUSED_STREAM',
      ]);
  }
});

test('SIGTERM: a publish that waits for NATS is answered: it may be tried again', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  await using relay = await TcpRelay.start(pair.nats.port);
  using client = await Http2Client.open(pair.component.socket);
  await init(client, `nats://127.0.0.1:${relay.port}`);
  relay.hold();
  const stream = client.request('Publish', publishRequest('orders', Buffer.from('x')), component);
  expect(await client.outcome(stream, 300)).toBe('nothing');
  pair.component.signal('SIGTERM');
  expect(await client.outcome(stream)).toBe('UNAVAILABLE');
  expect(await client.ends(6_000)).toBe(true);
});

test('SIGTERM: subscriptions end with OK, and clients that say nothing are closed', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  using client = await Http2Client.open(pair.component.socket);
  using silent = await Http2Client.connect(pair.component.socket);
  using idle = await Http2Client.open(pair.component.socket);
  await init(client, pair.nats.url);
  const stream = client.begin('PullMessages', component);
  client.send(data(stream, grpcMessage(pullRequest({ topic: 'orders' }))));
  expect(await client.usable()).toBe('OK');
  const start = performance.now();
  pair.component.signal('SIGTERM');
  expect(await client.outcome(stream)).toBe('OK');
  for (const one of [client, silent, idle]) expect(await one.ends()).toBe(true);
  expect(await pair.component.ended).toBe(0);
  expect(performance.now() - start).toBeLessThan(4_500);
  expect(goaways(idle).at(0)).toEqual([most31, 'NO_ERROR']);
});

test('SIGTERM: a client that neither reads nor finishes its calls does not keep the process', async () => {
  await using pair = await startPair();
  const [waiting] = await withWaitingCall(pair);
  using client = waiting;
  const open = client.begin('Ping');
  client.send(data(open, grpcMessage(Buffer.alloc(0), 0, 1_000)));
  client.socket.pause();
  const start = performance.now();
  pair.component.signal('SIGTERM');
  expect(await pair.component.ended).toBe(0);
  expect(performance.now() - start).toBeLessThan(4_500);
});

test('a client that says GOAWAY gets the answers to its running calls (RFC 9113 6.8)', async () => {
  await using pair = await startPair();
  const [waiting, answered] = await withWaitingCall(pair);
  using client = waiting;
  const asked = client.nextStream();
  client.send(headers(asked, pingBlock), goaway(0, 0, Buffer.alloc(defaultFrameSize - 8)));
  client.send(lastData(asked, emptyMessage));
  client.send(windowUpdate(answered, 1_000), windowUpdate(asked, 1_000));
  expect(await client.outcome(answered)).toBe('OK');
  expect(await client.outcome(asked)).toBe('OK');
  expect(client.violations).toEqual([]);
});

test('a client that vanishes in the middle of its calls leaves nothing behind', async () => {
  await using pair = await startPair();
  await pair.nats.stream('ORDERS', 'orders');
  for (let round = 0; round < 20; round++) {
    const client = await Http2Client.open(pair.component.socket);
    await init(client, pair.nats.url);
    const stream = client.begin('PullMessages', component);
    client.send(data(stream, grpcMessage(pullRequest({ topic: 'orders' }))));
    client.request('Publish', publishRequest('orders', Buffer.from('x')), component);
    client.send(headers(client.nextStream(), pingBlock, flag.END_STREAM));
    client.send(data(client.begin('Ping'), grpcMessage(Buffer.alloc(0), 0, 100)));
    client.socket.destroy();
  }
  await until('the end of their NATS connections', async () => {
    const { connections } = await pair.nats.monitor('connz');
    return connections.filter(({ name }) => name?.startsWith('dapr.io')).length === 0;
  });
});
