import { expect, test } from 'vitest';
import { useScene } from '../../support/hostile-cases.ts';
import {
  data,
  flag,
  frame,
  frameType,
  grpcMessage,
  headers,
  initialWindow,
  lastData,
  ping,
  preface,
  setting,
  settings,
  settingsAck,
  windowUpdate,
} from '../../support/http2/frames.ts';
import { encodeHeaders } from '../../support/http2/hpack.ts';
import { requestHeaders } from '../../support/http2/request.ts';

const scene = useScene();
const eight = Buffer.alloc(8);
const pingPath = '/dapr.proto.components.v1.PubSub/Ping';
const wrongPreface = Buffer.from(preface);
wrongPreface[23] = 0x20;

/** An invalid preface: the connection is closed; GOAWAY PROTOCOL_ERROR may be sent (RFC 9113 3.4). */
test.each([
  ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  [
    'an upgrade to h2c',
    Buffer.from('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
  ],
  ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
  ['zeros', Buffer.alloc(100)],
  ['a preface whose last byte is wrong', Buffer.concat([wrongPreface, settings()])],
  ['SETTINGS without a preface', settings()],
  ['PING as the first frame', Buffer.concat([preface, ping(eight)])],
  ['WINDOW_UPDATE as the first frame', Buffer.concat([preface, windowUpdate(0, 1)])],
  [
    'HEADERS as the first frame',
    Buffer.concat([preface, headers(1, encodeHeaders(requestHeaders(pingPath)), flag.END_STREAM)]),
  ],
  ['DATA as the first frame', Buffer.concat([preface, data(1, eight)])],
  ['an unknown frame as the first', Buffer.concat([preface, frame(0xfa, 0, 0, eight)])],
  ['an acknowledgement as the first frame', Buffer.concat([preface, settingsAck, settings()])],
])('closes a connection that begins with %s', async (_, bytes) => {
  using client = await scene.connect();
  client.send(bytes);
  expect(await client.ends()).toBe(true);
  expect(await client.outcome()).toBeOneOf(['closed', 'GOAWAY PROTOCOL_ERROR']);
});

test('closes a connection that sends the preface twice: the second one is a frame that is too long', async () => {
  using client = await scene.connect();
  client.send(preface, preface);
  expect(await client.ends()).toBe(true);
  const allowed = ['closed', 'GOAWAY PROTOCOL_ERROR', 'GOAWAY FRAME_SIZE_ERROR'];
  expect(await client.outcome()).toBeOneOf(allowed);
});

test('takes a preface that comes byte by byte', async () => {
  using client = await scene.connect();
  const whole = Buffer.concat([preface, settings([setting.INITIAL_WINDOW_SIZE, initialWindow])]);
  for (const byte of whole) await client.push(Buffer.from([byte]));
  await client.settled(1);
  expect(await client.usable()).toBe('OK');
});

test('takes a call that comes with the preface, before the SETTINGS of the server', async () => {
  using client = await scene.connect();
  const list = encodeHeaders(requestHeaders(pingPath));
  const whole = [
    preface,
    settings(),
    headers(1, list),
    lastData(1, grpcMessage(eight.subarray(8))),
  ];
  client.send(...whole);
  expect(await client.outcome(1)).toBe('OK');
  client.lastStream = 1;
  expect(await client.usable()).toBe('OK');
});

test('sends SETTINGS as its first frame, and acknowledges those of the client', async () => {
  using client = await scene.open();
  const [first] = client.frames;
  expect(first).toMatchObject({ type: frameType.SETTINGS, flags: 0, stream: 0 });
  expect(
    client.received(frameType.SETTINGS).filter(({ flags }) => flags === flag.ACK),
  ).toHaveLength(1);
  expect(client.violations).toEqual([]);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['half a preface', preface.subarray(0, 12)],
  ['half a frame header', Buffer.concat([preface, settings().subarray(0, 5)])],
  ['a call that is not complete', Buffer.concat([preface, settings(), headers(1, eight)])],
])('forgets a client that sends %s and half-closes the socket', async (_, bytes) => {
  using client = await scene.connect();
  client.send(bytes);
  client.socket.end();
  expect(await client.ends()).toBe(true);
});
