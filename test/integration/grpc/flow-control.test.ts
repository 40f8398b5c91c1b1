import { expect, test } from 'vitest';
import { emptyMessage, pingBlock, streamError, useScene } from '../../support/hostile-cases.ts';
import {
  data,
  flag,
  grpcMessage,
  headers,
  initialWindow,
  lastData,
  setting,
  settings,
  windowUpdate,
} from '../../support/http2/frames.ts';
import type { Http2Client } from '../../support/http2-client.ts';
import { initRequest, pullRequest } from '../../support/messages.ts';
import { SilentServers } from '../../support/silent-servers.ts';
import { until } from '../../support/wait.ts';

const { INITIAL_WINDOW_SIZE } = setting;
const component = [['x-component-instance', 'raw']] as const;
const scene = useScene();

/** Initialises a Component on the connection of the client. */
async function init(client: Http2Client, natsURL: string): Promise<void> {
  const stream = client.request('Init', initRequest({ natsURL, consumerID: 'raw' }), component);
  expect(await client.outcome(stream, 10_000)).toBe('OK');
}

/** Opens a subscription. Returns its stream. */
function pull(client: Http2Client, topic: string): number {
  const stream = client.begin('PullMessages', component);
  client.send(data(stream, grpcMessage(pullRequest({ topic }))));
  return stream;
}

test('a window that INITIAL_WINDOW_SIZE made negative: the answer arrives whole (RFC 9113 6.9.2)', async () => {
  using client = await scene.open({ settings: [[INITIAL_WINDOW_SIZE, 10]] });
  const stream = client.request('Features');
  const answer = client.stream(stream);
  await until('10 bytes', () => answer.received >= 10);
  client.send(settings([INITIAL_WINDOW_SIZE, 0]));
  await client.settled(2);
  // The window is -10, and then 0.
  client.send(windowUpdate(stream, 10));
  expect(await client.usable()).toBe('OK');
  expect(answer.received).toBe(10);
  client.send(windowUpdate(stream, 1));
  await until('the next byte', () => answer.received > 10);
  expect(await client.usable()).toBe('OK');
  expect(answer.received).toBe(11);
  client.send(settings([INITIAL_WINDOW_SIZE, 1_000]));
  expect(await client.outcome(stream)).toBe('OK');
  expect(answer.data.readUInt32BE(1)).toBe(answer.received - 5);
  expect(client.violations).toEqual([]);
});

test('sends a message of 200 KB whole, and never more than the windows allow', async () => {
  await scene.pair.nats.stream('LARGE', 'large');
  using client = await scene.open();
  await init(client, scene.pair.nats.url);
  await scene.pair.nats.client.publish('large', Buffer.alloc(200_000, 'x'));
  const stream = pull(client, 'large');
  const answer = client.stream(stream);
  await until('what the windows allow', () => answer.received >= initialWindow - 100);
  expect(await client.outcome(stream, 300)).toBe('nothing');
  expect(answer.received).toBeLessThanOrEqual(initialWindow);
  client.send(settings([INITIAL_WINDOW_SIZE, 100]));
  await client.settled(2);
  client.send(windowUpdate(stream, 60_000), windowUpdate(0, 500_000));
  expect(await client.usable()).toBe('OK');
  expect(answer.received).toBeLessThanOrEqual(initialWindow);
  client.send(settings([INITIAL_WINDOW_SIZE, 300_000]));
  await until('the whole message', () => answer.received >= 200_000);
  expect(await client.outcome(stream, 300)).toBe('nothing');
  expect(answer.data.readUInt32BE(1)).toBe(answer.received - 5);
  expect(client.violations).toEqual([]);
});

test('calls that find the window of the connection used up are answered when there is room', async () => {
  using client = await scene.open();
  const calls = Array.from({ length: 1_900 }, () => client.request('Features'));
  const received = () => calls.reduce((sum, stream) => sum + client.stream(stream).received, 0);
  await until('what the window allows', () => received() >= initialWindow - 100);
  expect(await client.outcome(calls.at(-1), 300)).toBe('nothing');
  expect(received()).toBeLessThanOrEqual(initialWindow);
  client.send(windowUpdate(0, 1_000_000));
  for (const stream of calls) expect(await client.outcome(stream)).toBe('OK');
  expect(client.violations).toEqual([]);
});

test('padding counts for the windows and is given back (6.1, 6.9.1)', async () => {
  using client = await scene.open();
  expect(await client.usable()).toBe('OK');
  const stream = client.nextStream();
  client.send(headers(stream, pingBlock));
  const streamWindow = client.setting(INITIAL_WINDOW_SIZE, initialWindow);
  const room = () =>
    Math.min(streamWindow + client.credited(stream), initialWindow + client.credited(0));
  // A message of fields that a Ping does not know: field 15 is 1.
  const part = Buffer.from('7801'.repeat(50), 'hex');
  const parts = Math.ceil((2 * streamWindow) / (part.length + 256));
  // The call before took a few bytes of the connection's window.
  let sent = 100;
  const push = async (bytes: Uint8Array, flags = 0) => {
    sent += bytes.length + 256;
    await until('room in both windows', () => room() >= sent);
    const padded = Buffer.concat([Buffer.from([255]), bytes, Buffer.alloc(255)]);
    await client.push(data(stream, padded, flag.PADDED | flags));
  };
  await push(grpcMessage(Buffer.alloc(0), 0, parts * part.length));
  for (let index = 1; index < parts; index++) await push(part);
  await push(part, flag.END_STREAM);
  expect(await client.outcome(stream)).toBe('OK');
});

test('takes an empty DATA frame that ends the stream', async () => {
  using client = await scene.open();
  const stream = client.nextStream();
  client.send(headers(stream, pingBlock), data(stream, emptyMessage), lastData(stream));
  expect(await client.outcome(stream)).toBe('OK');
});

test('holds back a client whose stream is not read yet, and refuses more DATA than allowed', async () => {
  await using silent = await SilentServers.start(1);
  using client = await scene.open();
  // The stream is not read while Init is under way: for 2 s, since NATS says nothing.
  const init = client.request(
    'Init',
    initRequest({ natsURL: silent.urls[0] as string, consumerID: 'raw' }),
    component,
  );
  const stream = pull(client, 'nowhere');
  const ack = grpcMessage(pullRequest({ ackMessageId: 'x'.repeat(1_000) }));
  const batch = Buffer.concat(Array<Buffer>(16).fill(ack));
  const streamWindow = client.setting(INITIAL_WINDOW_SIZE, initialWindow);
  // Init and the first request took less.
  let sent = 1_000;
  const room = () =>
    Math.min(streamWindow + client.credited(stream), initialWindow + client.credited(0)) - sent;
  const roomForMore = () => room() >= batch.length;
  while (await until('room', roomForMore, 500).catch(() => false)) {
    sent += batch.length;
    await client.push(data(stream, batch));
    expect(sent, 'bytes taken for a stream that is not read').toBeLessThan(20_000_000);
  }
  expect(client.events, 'a stream that waits').toEqual([]);
  const beyond = Math.ceil((room() + 100_000) / batch.length);
  for (let index = 0; index < beyond; index++) await client.push(data(stream, batch));
  const outcome = await client.outcome(stream);
  expect(outcome).toBeOneOf(streamError('FLOW_CONTROL_ERROR'));
  if (outcome.startsWith('RST')) expect(await client.outcome(init, 8_000)).toBe('UNAVAILABLE');
});
