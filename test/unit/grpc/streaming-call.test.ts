import { describe, expect, test, vi } from 'vitest';
import { code, StatusError } from '../../../src/grpc/status.ts';
import { failed, okay, prefixed, TestCall } from '../../support/grpc-call.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { openStreaming, streamingMethod, type TextCall } from '../../support/streaming-call.ts';

test('requests and responses as they come, and an end with OK', () => {
  const { test, given, requests, onEnd } = openStreaming();
  test.send(prefixed('a', 'b'));
  expect(requests).toEqual(['a', 'b']);
  expect(given.write('A')).toBe(true);
  expect(test.sent()).toMatchObject({ headers: [{ ':status': '200' }], data: prefixed('A') });
  test.send(prefixed('c'));
  expect(onEnd).not.toHaveBeenCalled();
  test.halfClose();
  expect(onEnd).toHaveBeenCalledTimes(1);
  given.write('B');
  given.end();
  expect(test.sent()).toEqual({
    headers: [{ 'grpc-status': '0' }],
    data: prefixed('B'),
    ended: true,
  });
  expect(given.ended).toBe(true);
});

test('the handler may do all of it at once', () => {
  const test = new TestCall(
    streamingMethod((call) => {
      call.write('a');
      call.write('');
      call.end();
    }),
  );
  expect(test.sent()).toEqual(okay('a', ''));
});

test('an error before any response is one header block; after one it is in the trailers', () => {
  const first = openStreaming();
  first.given.end({ code: code.ABORTED, message: 'no' });
  expect(first.test.sent()).toEqual(failed(code.ABORTED, 'no'));
  const second = openStreaming();
  second.given.write('a');
  second.given.end({ code: code.ABORTED, message: 'no', trailers: [['x', 'y']] });
  expect(second.test.sent()).toMatchObject({
    headers: [{ ':status': '200' }, { 'grpc-status': '10', 'grpc-message': 'no', x: 'y' }],
    data: prefixed('a'),
    ended: true,
  });
});

test('only the first end counts, and nothing is written or read after it', () => {
  const { test, given, requests, onEnd, onCancel } = openStreaming();
  given.end();
  given.end({ code: code.ABORTED });
  expect(given.write('late')).toBe(false);
  test.call.onData(prefixed('late'), 0, 9);
  test.call.onRemoteEnd();
  test.call.onAbort();
  expect(test.sent()).toEqual(okay());
  expect(requests).toEqual([]);
  expect(onEnd).not.toHaveBeenCalled();
  expect(onCancel).not.toHaveBeenCalled();
});

describe('responses that wait', () => {
  test('write says so past the limit, and onRoom says when there is room, once', () => {
    const connection = new FakeConnection({ queued: 1_000 });
    const { test, given, onRoom } = openStreaming(connection);
    const { sendWindows } = connection;
    sendWindows.changeInitial(0, [test.call]);
    expect(given.write('x'.repeat(800))).toBe(true);
    expect(given.write('y'.repeat(800))).toBe(false);
    expect(given.write('z'.repeat(800))).toBe(false);
    expect(test.sent().data).toHaveLength(0);
    sendWindows.growStream(test.call, 1_000);
    expect(onRoom).not.toHaveBeenCalled();
    sendWindows.growStream(test.call, 1_000);
    expect(onRoom).toHaveBeenCalledTimes(1);
    sendWindows.growStream(test.call, 1_000);
    expect(onRoom).toHaveBeenCalledTimes(1);
    const all = prefixed('x'.repeat(800), 'y'.repeat(800), 'z'.repeat(800));
    expect(test.sent().data.equals(all)).toBe(true);
  });

  test('are sent in order before the end, and then there is no room any more', () => {
    const { test, given, onRoom } = openStreaming(new FakeConnection({ queued: 10 }));
    const { sendWindows } = test.connection;
    sendWindows.changeInitial(3, [test.call]);
    given.write('first');
    given.write('second');
    given.end();
    expect(test.sent()).toMatchObject({ data: prefixed('first').subarray(0, 3), ended: false });
    sendWindows.growStream(test.call, 1_000);
    const rest = Buffer.concat([prefixed('first').subarray(3), prefixed('second')]);
    expect(test.sent()).toMatchObject({
      data: rest,
      headers: [{ 'grpc-status': '0' }],
      ended: true,
    });
    expect(onRoom).not.toHaveBeenCalled();
  });

  test('are forgotten when the client cancels', () => {
    const { test, given, onRoom, onCancel } = openStreaming(new FakeConnection({ queued: 10 }));
    test.connection.sendWindows.changeInitial(0, [test.call]);
    given.write('first response');
    test.cancel();
    test.connection.sendWindows.changeInitial(1_000, []);
    test.connection.sendWindows.wake();
    expect(test.sent().data).toHaveLength(0);
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(onRoom).not.toHaveBeenCalled();
  });
});

describe('an error', () => {
  test('a request that cannot be decoded: INTERNAL, and the handler is told', () => {
    const { test, requests, onCancel } = openStreaming();
    test.send(prefixed('a', '!', 'b'));
    expect(requests).toEqual(['a']);
    const message = 'the request cannot be decoded: it begins with !';
    expect(test.sent()).toEqual(failed(code.INTERNAL, message));
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(test.defects).toEqual([]);
  });

  test('a last request cut short: INTERNAL, and the handler is told', () => {
    const { test, onEnd, onCancel } = openStreaming();
    test.send(prefixed('hello').subarray(0, 7));
    test.halfClose();
    expect(test.sent()).toEqual(failed(code.INTERNAL, 'the last request was cut short'));
    expect(onEnd).not.toHaveBeenCalled();
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(test.connection.held).toBe(0);
  });

  const moments: [string, (call: TextCall, fail: () => never) => void, (test: TestCall) => void][] =
    [
      ['the handler', (_, fail) => fail(), () => undefined],
      [
        'onMessage',
        (call, fail) => Object.assign(call, { onMessage: fail }),
        (test) => test.send(prefixed('a')),
      ],
      ['onEnd', (call, fail) => Object.assign(call, { onEnd: fail }), (test) => test.halfClose()],
      [
        'onRoom',
        (call, fail) => {
          call.onRoom = fail;
          call.write('x'.repeat(70_000));
          call.write('x'.repeat(70_000));
        },
        (test) =>
          test.connection.sendWindows.growStream(test.call, 200_000) ??
          test.connection.sendWindows.growConnection(200_000),
      ],
    ];

  describe.each(moments)('that %s throws', (_, set, happen) => {
    test('by its status ends the call with it', () => {
      const fail = () => {
        throw new StatusError({ code: code.DATA_LOSS, message: 'gone' });
      };
      const test = new TestCall(streamingMethod((call) => set(call, fail)));
      happen(test);
      expect(test.sent().headers.at(-1)).toMatchObject({
        'grpc-status': '15',
        'grpc-message': 'gone',
      });
      expect(test.defects).toEqual([]);
    });

    test('otherwise is a defect, of which the client is told nothing', () => {
      const error = new Error('secret');
      const fail = () => {
        throw error;
      };
      const test = new TestCall(streamingMethod((call) => set(call, fail)));
      happen(test);
      const { headers, ended } = test.sent();
      expect(headers.at(-1)).toMatchObject({
        'grpc-status': '13',
        'grpc-message': 'internal error',
      });
      expect(ended).toBe(true);
      expect(test.defects).toEqual([[error, '/test/Streaming']]);
    });
  });
});

test('a timeout ends the call, and the handler is told', () => {
  vi.useFakeTimers();
  try {
    const { test, given, onCancel } = openStreaming(undefined, 50);
    given.write('a');
    vi.advanceTimersByTime(50);
    expect(test.sent().headers.at(-1)).toMatchObject({ 'grpc-status': '4' });
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(given.ended).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
