import { expect, test } from 'vitest';
import { errorCode, flag, frame, frameSize } from '../../../src/grpc/http2/frames.ts';
import { literalSize } from '../../../src/grpc/http2/header-encoder.ts';
import { ownSettings, readSettings } from '../../../src/grpc/http2/peer-settings.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { newDecoder } from '../../support/hpack-decoder.ts';

const { endHeaders, endStream } = flag;

test('a header block longer than a frame goes on in CONTINUATION frames', () => {
  for (const length of [frameSize - 100, frameSize, frameSize + 1, 2 * frameSize, 50_000]) {
    const connection = new FakeConnection();
    const value = 'v'.repeat(length);
    connection.writer.headers(5, endStream, literalSize('x', value), (encoder, target, at) =>
      encoder.literal(target, at, 'x', value),
    );
    const frames = connection.frames();
    expect(frames.map(({ type }) => type)).toEqual([
      frame.headers,
      ...frames.slice(1).map(() => frame.continuation),
    ]);
    const last = frames.length - 1;
    expect(frames.map(({ flags }) => flags)).toEqual(
      frames.map((_, at) => (at === 0 ? endStream : 0) | (at === last ? endHeaders : 0)),
    );
    for (const { streamId, payload } of frames) {
      expect(streamId).toBe(5);
      expect(payload.length).toBeLessThanOrEqual(frameSize);
    }
    const block = Buffer.concat(frames.map(({ payload }) => payload));
    const decoder = newDecoder({ listSize: 100_000 });
    expect(decoder.decode(block, 0, block.length)).toEqual([['x', value]]);
  }
});

test('room that a block does not use is given back', () => {
  const connection = new FakeConnection();
  connection.writer.headers(1, 0, 10_000, (encoder, target, at) => encoder.status200(target, at));
  connection.writer.windowUpdate(3, 7);
  connection.writer.reset(5, errorCode.CANCEL);
  expect(connection.frames().map(({ type, payload }) => [type, payload.toString('hex')])).toEqual([
    [frame.headers, '88'],
    [frame.windowUpdate, '00000007'],
    [frame.rstStream, '00000008'],
  ]);
});

test('a GOAWAY says the last stream, the error and the reason', () => {
  const connection = new FakeConnection();
  connection.writer.goAway(2 ** 31 - 1, errorCode.ENHANCE_YOUR_CALM, 'why');
  expect(connection.frames()).toEqual([
    {
      type: frame.goAway,
      flags: 0,
      streamId: 0,
      payload: Buffer.from('7fffffff0000000b776879', 'hex'),
    },
  ]);
});

const settings = (...entries: [id: number, value: number][]) => {
  const payload = Buffer.alloc(entries.length * 6);
  for (const [index, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return readSettings(payload, 0, payload.length);
};

test('settings of a peer: the last window counts, and the smallest table', () => {
  expect(settings()).toEqual({});
  expect(
    settings(
      [4, 1],
      [4, 2 ** 31 - 1],
      [1, 0],
      [1, 9],
      [3, 1],
      [6, 0],
      [2, 1],
      [2, 0],
      [5, 16_384],
      [0xff, 9],
    ),
  ).toEqual({
    initialWindowSize: 2 ** 31 - 1,
    headerTableSize: 0,
  });
});

test.each<[string, [number, number], string]>([
  ['ENABLE_PUSH of 2', [2, 2], 'PROTOCOL_ERROR'],
  ['a window above 2^31-1', [4, 2 ** 31], 'FLOW_CONTROL_ERROR'],
  ['a frame size below 16,384', [5, 16_383], 'PROTOCOL_ERROR'],
  ['a frame size above 2^24-1', [5, 2 ** 24], 'PROTOCOL_ERROR'],
])('%s is an error', (_, entry, code) => {
  expect(() => settings(entry)).toThrow(expect.objectContaining({ code }));
});

test('SETTINGS of a length that is no multiple of 6 are an error', () => {
  for (const length of [1, 5, 7]) {
    expect(() => readSettings(Buffer.alloc(length), 0, length)).toThrow(
      expect.objectContaining({ code: 'FRAME_SIZE_ERROR' }),
    );
  }
});

test("this server's settings can be read as a peer's", () => {
  const own = ownSettings({ streams: 1, streamWindow: 2, headerTable: 3, headerList: 4 });
  expect(readSettings(own, 0, own.length)).toEqual({ headerTableSize: 3, initialWindowSize: 2 });
});
