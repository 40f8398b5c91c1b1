import { expect, test } from 'vitest';
import { Streams } from '../../../src/grpc/http2/streams.ts';
import { FakeConnection, FakeStream } from '../../support/grpc-connection.ts';

const connection = new FakeConnection();
const failsWith = (code: string) => expect.objectContaining({ code });

function open(streams: Streams, id: number): FakeStream {
  const stream = new FakeStream(connection, id);
  streams.begin(id);
  streams.add(stream);
  return stream;
}

test('streams that are open are found, and counted', () => {
  const streams = new Streams();
  const one = open(streams, 1);
  const other = open(streams, 7);
  expect(streams.get(1)).toBe(one);
  expect(streams.get(3)).toBeUndefined();
  expect(streams.all()).toEqual([one, other]);
  expect([streams.size, streams.last]).toEqual([2, 7]);
  streams.end(1);
  streams.reset(7);
  expect([streams.size, streams.last]).toEqual([0, 7]);
});

test('a stream that stays open is found beside those that come and go, in order', () => {
  const streams = new Streams();
  const first = open(streams, 1);
  for (let id = 3; id < 3_000; id += 2) {
    const stream = open(streams, id);
    expect(streams.get(id)).toBe(stream);
    expect(streams.get(1)).toBe(first);
    expect(streams.all()).toEqual([first, stream]);
    streams.end(id);
    streams.end(id);
    expect(streams.get(id)).toBeUndefined();
    expect(streams.size).toBe(1);
  }
});

test('as many streams can be open as the limit allows', () => {
  const streams = new Streams();
  const opened = Array.from({ length: 4_096 }, (_, index) => open(streams, 2 * index + 1));
  expect(streams.size).toBe(4_096);
  expect(streams.all()).toEqual(opened);
  for (const stream of opened) expect(streams.get(stream.id)).toBe(stream);
  for (const stream of opened.toReversed()) streams.reset(stream.id);
  expect([streams.size, streams.all()]).toEqual([0, []]);
});

test('ids are odd and rise', () => {
  const streams = new Streams();
  open(streams, 5);
  for (const id of [0, 2, 6, 8])
    expect(() => streams.begin(id)).toThrow(failsWith('PROTOCOL_ERROR'));
  // Left out, and so closed without ever having been open.
  for (const id of [1, 3]) expect(() => streams.begin(id)).toThrow(failsWith('PROTOCOL_ERROR'));
  streams.begin(2 ** 31 - 1);
});

test('HEADERS for a stream that is closed are STREAM_CLOSED', () => {
  const streams = new Streams();
  for (const id of [1, 3, 5]) open(streams, id);
  streams.end(1);
  streams.reset(3);
  expect(() => streams.begin(1)).toThrow(failsWith('STREAM_CLOSED'));
  expect(() => streams.begin(3)).toThrow(failsWith('STREAM_CLOSED'));
});

test('a stream that this side has reset is remembered for some time', () => {
  const streams = new Streams();
  for (let id = 1; id <= 2 * 257 - 1; id += 2) {
    open(streams, id);
    streams.reset(id);
    expect(streams.wasReset(id)).toBe(true);
  }
  expect(streams.wasReset(1)).toBe(false);
  expect(streams.wasReset(3)).toBe(true);
  streams.end(5);
  expect(streams.wasReset(7)).toBe(true);
});

test('a frame for a stream that was never opened is an error', () => {
  const streams = new Streams();
  open(streams, 5);
  for (const id of [0, 2, 4, 7]) {
    expect(() => streams.checkNotIdle(id, 'DATA')).toThrow(failsWith('PROTOCOL_ERROR'));
  }
  streams.checkNotIdle(5, 'DATA');
  streams.checkNotIdle(3, 'DATA');
  streams.end(5);
  streams.checkNotIdle(5, 'DATA');
});
