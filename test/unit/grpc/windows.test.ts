import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  flag,
  frame,
  frameSize,
  initialWindow,
  largestWindow,
} from '../../../src/grpc/http2/frames.ts';
import { ReceiveWindow } from '../../../src/grpc/http2/receive-window.ts';
import { FakeConnection, FakeStream } from '../../support/grpc-connection.ts';

/** Returns the increments of the WINDOW_UPDATE frames for a stream. */
const increments = (connection: FakeConnection, streamId: number) =>
  connection
    .frames()
    .filter((one) => one.type === frame.windowUpdate && one.streamId === streamId)
    .map(({ payload }) => payload.readUInt32BE());

describe('ReceiveWindow', () => {
  test('takes as much as it has and not a byte more', () => {
    const window = new ReceiveWindow(new FakeConnection().writer, 1, 100);
    expect(window.take(60)).toBe(true);
    expect(window.take(40)).toBe(true);
    expect(window.take(0)).toBe(true);
    expect(window.take(1)).toBe(false);
  });

  test('credits what was consumed once that is half of it', () => {
    const connection = new FakeConnection();
    const window = new ReceiveWindow(connection.writer, 5, 100);
    window.take(100);
    window.consumed(49);
    expect(increments(connection, 5)).toEqual([]);
    window.consumed(1);
    expect(increments(connection, 5)).toEqual([50]);
    expect(window.take(50)).toBe(true);
    expect(window.take(1)).toBe(false);
  });

  test('a peer that keeps to the credit is never refused and never stuck', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 500 }), fc.array(fc.nat(500)), (size, sizes) => {
        const connection = new FakeConnection();
        const window = new ReceiveWindow(connection.writer, 1, size);
        let credit = size;
        for (const wanted of sizes) {
          const bytes = Math.min(wanted, credit);
          credit -= bytes;
          expect(window.take(bytes)).toBe(true);
          window.consumed(bytes);
          for (const more of increments(connection, 1)) credit += more;
          expect(credit).toBeGreaterThan(0);
          expect(credit).toBeLessThanOrEqual(size);
        }
      }),
    );
  });
});

describe('SendWindows', () => {
  const open = (connection: FakeConnection, id = 1) => new FakeStream(connection, id);
  const sent = (connection: FakeConnection) =>
    connection
      .frames()
      .filter(({ type }) => type === frame.data)
      .map(({ streamId, payload }) => [streamId, payload.length]);

  test('DATA goes out as far as stream and connection allow, in frames of 16,384 bytes', () => {
    const connection = new FakeConnection();
    const stream = open(connection);
    stream.sendData(Buffer.alloc(70_000));
    expect(sent(connection)).toEqual([
      [1, frameSize],
      [1, frameSize],
      [1, frameSize],
      [1, 16_383],
    ]);
    expect(stream.queued).toBe(70_000 - initialWindow);
    connection.sendWindows.growStream(stream, 1_000);
    expect(sent(connection)).toEqual([]);
    connection.sendWindows.growConnection(600);
    expect(sent(connection)).toEqual([[1, 600]]);
    connection.sendWindows.growConnection(100_000);
    expect(sent(connection)).toEqual([[1, 400]]);
    connection.sendWindows.growStream(stream, 100_000);
    expect(sent(connection)).toEqual([[1, 70_000 - initialWindow - 1_000]]);
    expect(stream.queued).toBe(0);
  });

  test('trailers come after what is queued', () => {
    const connection = new FakeConnection();
    const stream = open(connection);
    stream.sendWindow = 10;
    stream.sendData(Buffer.alloc(15));
    stream.sendTrailers(10, (encoder, target, at) => encoder.status200(target, at));
    stream.sendData(Buffer.from('after the end'));
    expect(sent(connection)).toEqual([[1, 10]]);
    expect(connection.ended).toEqual([]);
    connection.sendWindows.growStream(stream, 5);
    expect(connection.frames().map(({ type, flags }) => [type, flags])).toEqual([
      [frame.data, 0],
      [frame.headers, flag.endHeaders | flag.endStream],
    ]);
    expect(connection.ended).toEqual([1]);
  });

  test('a smaller initial window may leave less than nothing, and a larger one wakes', () => {
    const connection = new FakeConnection();
    const { sendWindows } = connection;
    const stream = open(connection);
    stream.sendData(Buffer.alloc(50_000));
    connection.frames();
    sendWindows.changeInitial(10_000, [stream]);
    expect(stream.sendWindow).toBe(10_000 - 50_000);
    expect(open(connection, 3).sendWindow).toBe(10_000);
    stream.sendData(Buffer.alloc(100));
    sendWindows.growStream(stream, 40_000);
    expect(sent(connection)).toEqual([]);
    sendWindows.changeInitial(10_060, [stream]);
    expect(sent(connection)).toEqual([[1, 60]]);
    sendWindows.growStream(stream, 40);
    expect(sent(connection)).toEqual([[1, 40]]);
  });

  test('a stream waits until it is told, once; a closed one is not told', () => {
    const connection = new FakeConnection();
    const { sendWindows } = connection;
    const [one, two, gone] = [open(connection, 1), open(connection, 3), open(connection, 5)];
    for (const stream of [one, two, gone]) sendWindows.wait(stream);
    gone.close();
    sendWindows.forget(two);
    sendWindows.wake();
    sendWindows.wake();
    expect([one.windows, two.windows, gone.windows]).toEqual([1, 0, 0]);
  });

  test('what a closed stream has queued is never sent', () => {
    const connection = new FakeConnection();
    const stream = open(connection);
    stream.sendWindow = 0;
    stream.sendData(Buffer.alloc(10));
    stream.close();
    connection.sendWindows.growConnection(10);
    connection.sendWindows.wake();
    expect(stream.queued).toBe(0);
    expect(sent(connection)).toEqual([]);
  });

  test('an increment of 0 is an error, of the stream or of the connection', () => {
    const connection = new FakeConnection();
    expect(connection.sendWindows.growStream(open(connection), 0)).toBe('PROTOCOL_ERROR');
    expect(() => connection.sendWindows.growConnection(0)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR' }),
    );
  });

  test('a window above 2^31-1 is an error; one of 2^31-1 is not', () => {
    const error = expect.objectContaining({ code: 'FLOW_CONTROL_ERROR' });
    const connection = new FakeConnection();
    const { sendWindows } = connection;
    const stream = open(connection);
    const most = largestWindow - initialWindow;
    expect(sendWindows.growStream(stream, most)).toBeUndefined();
    expect(sendWindows.growStream(stream, 1)).toBe('FLOW_CONTROL_ERROR');
    sendWindows.growConnection(most);
    expect(() => sendWindows.growConnection(1)).toThrow(error);
    const other = new FakeConnection();
    const full = open(other);
    expect(other.sendWindows.growStream(full, most)).toBeUndefined();
    expect(() => other.sendWindows.changeInitial(initialWindow + 1, [full])).toThrow(error);
  });

  test('every byte arrives once and in order, however the windows grow', () => {
    const grow = fc.record({ of: fc.constantFrom('stream', 'connection'), by: fc.nat(40_000) });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 40_000 }), grow), { maxLength: 20 }),
        (steps) => {
          const connection = new FakeConnection();
          const stream = open(connection);
          const given: Buffer[] = [];
          for (const step of steps) {
            if (typeof step === 'number') {
              given.push(Buffer.alloc(step, given.length + 1));
              stream.sendData(given.at(-1) as Buffer);
            } else if (step.of === 'stream') {
              connection.sendWindows.growStream(stream, step.by + 1);
            } else {
              connection.sendWindows.growConnection(step.by + 1);
            }
            expect(stream.sendWindow).toBeGreaterThanOrEqual(0);
            expect(connection.sendWindows.connection).toBeGreaterThanOrEqual(0);
          }
          connection.sendWindows.growStream(stream, 1_000_000);
          connection.sendWindows.growConnection(1_000_000);
          const payloads = connection.frames().map(({ payload }) => payload);
          expect(Buffer.concat(payloads).equals(Buffer.concat(given))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });
});
