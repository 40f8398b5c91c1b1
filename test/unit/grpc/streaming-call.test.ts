import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { StreamingCall } from '../../../src/grpc/method.ts';
import { code, StatusError } from '../../../src/grpc/status.ts';
import { failed, okay, prefixed, TestCall, textCodec } from '../../support/grpc-call.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { cutAt } from '../../support/grpc-frames.ts';

type Call = StreamingCall<string, string>;

const methodOf = (handle: (call: Call) => void) => ({
  kind: 'streaming' as const,
  path: '/test/Streaming',
  request: textCodec,
  response: textCodec,
  handle,
});

/** A call with a handler that does what the test does. */
function open(connection = new FakeConnection(), timeout?: number) {
  const requests: string[] = [];
  const onEnd = vi.fn();
  const onRoom = vi.fn();
  const onCancel = vi.fn();
  let given: Call | undefined;
  const method = methodOf((call) => {
    given = Object.assign(call, { onEnd, onRoom, onCancel });
    call.onMessage = (request) => void requests.push(request);
  });
  const test = new TestCall(method, connection, timeout);
  if (!given) throw new Error('the handler was not called');
  return { test, given, requests, onEnd, onRoom, onCancel };
}

test('requests and responses as they come, and an end with OK', () => {
  const { test, given, requests, onEnd } = open();
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
    methodOf((call) => {
      call.write('a');
      call.write('');
      call.end();
    }),
  );
  expect(test.sent()).toEqual(okay('a', ''));
});

test('an error before any response is one header block; after one it is in the trailers', () => {
  const first = open();
  first.given.end({ code: code.ABORTED, message: 'no' });
  expect(first.test.sent()).toEqual(failed(code.ABORTED, 'no'));
  const second = open();
  second.given.write('a');
  second.given.end({ code: code.ABORTED, message: 'no', trailers: [['x', 'y']] });
  expect(second.test.sent()).toMatchObject({
    headers: [{ ':status': '200' }, { 'grpc-status': '10', 'grpc-message': 'no', x: 'y' }],
    data: prefixed('a'),
    ended: true,
  });
});

test('only the first end counts, and nothing is written or read after it', () => {
  const { test, given, requests, onEnd, onCancel } = open();
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

describe('pause', () => {
  test('holds requests back, and the end behind them', () => {
    const { test, given, requests, onEnd } = open();
    given.pause();
    test.send(prefixed('a'));
    test.send(prefixed('b'));
    test.halfClose();
    expect(requests).toEqual([]);
    expect(onEnd).not.toHaveBeenCalled();
    given.resume();
    expect(requests).toEqual(['a', 'b']);
    expect(onEnd).toHaveBeenCalledTimes(1);
    given.resume();
    expect(onEnd).toHaveBeenCalledTimes(1);
  });

  test('holds the client back: what is held is not credited until it is read', () => {
    const connection = new FakeConnection({ streamWindow: 1_000, connectionWindow: 1_000 });
    const { test, given, requests } = open(connection);
    const updates = () => connection.frames().map(({ streamId }) => streamId);
    given.pause();
    for (let count = 0; count < 10; count++) test.send(prefixed('x'.repeat(95)));
    expect(updates()).toEqual([]);
    expect(() => test.send(Buffer.of(0))).toThrow('the window has no room');
    given.resume();
    expect(requests).toHaveLength(10);
    expect(updates().sort()).toEqual([0, 1]);
  });

  test('what is held counts against the limits, and is given back', () => {
    const connection = new FakeConnection();
    const { test, given } = open(connection);
    given.pause();
    test.send(prefixed('x'.repeat(5_000)));
    expect(connection.unfinished).toBeGreaterThan(5_000);
    expect(connection.totals.unfinished).toBe(connection.unfinished);
    given.resume();
    expect(connection.unfinished).toBe(0);
    expect(connection.totals.unfinished).toBe(0);
  });

  test('more than the limits allow ends the call', () => {
    const connection = new FakeConnection({ unfinished: 2_000 });
    const { test, given, onCancel } = open(connection);
    given.pause();
    test.send(prefixed('x'.repeat(5_000)));
    expect(test.sent().headers).toMatchObject([{ 'grpc-status': '8' }]);
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(connection.unfinished).toBe(0);
  });

  test.each(['end', 'cancel'] as const)(
    'an %s while paused credits the connection what was held',
    (how) => {
      const connection = new FakeConnection({ connectionWindow: 1_000 });
      const { test, given } = open(connection);
      given.pause();
      test.send(prefixed('x'.repeat(595)));
      if (how === 'end') given.end();
      else test.cancel();
      expect(connection.frames().filter(({ streamId }) => streamId === 0)).toHaveLength(1);
      expect(connection.unfinished).toBe(0);
      given.resume();
    },
  );

  test('however a handler pauses and resumes, it gets every request once and in order, and then the end', () => {
    const plan = fc.record({
      messages: fc.array(
        fc.string({ maxLength: 30 }).map((text) => `.${text}`),
        { maxLength: 8 },
      ),
      cuts: fc.array(fc.nat(300), { maxLength: 8 }),
      /** What the handler does with each request: nothing, pause, or pause and resume at once. */
      reactions: fc.array(fc.constantFrom('', 'pause', 'both', 'resume'), {
        minLength: 1,
        maxLength: 8,
      }),
    });
    fc.assert(
      fc.property(plan, ({ messages, cuts, reactions }) => {
        const connection = new FakeConnection();
        const { test, given, requests, onEnd } = open(connection);
        given.onMessage = (request) => {
          const reaction = reactions[requests.length % reactions.length];
          requests.push(request);
          if (reaction === 'pause' || reaction === 'both') given.pause();
          if (reaction === 'resume' || reaction === 'both') given.resume();
        };
        onEnd.mockImplementation(() => requests.push('the end'));
        for (const [index, chunk] of cutAt(prefixed(...messages), cuts).entries()) {
          test.send(chunk);
          if (index % 2 === 1) given.resume();
        }
        test.halfClose();
        for (let count = 0; count <= messages.length; count++) given.resume();
        expect(requests).toEqual([...messages, 'the end']);
        expect(connection.unfinished).toBe(0);
      }),
    );
  });
});

describe('responses that wait', () => {
  test('write says so past the limit, and onRoom says when there is room, once', () => {
    const connection = new FakeConnection({ queued: 1_000 });
    const { test, given, onRoom } = open(connection);
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
    const { test, given, onRoom } = open(new FakeConnection({ queued: 10 }));
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
    const { test, given, onRoom, onCancel } = open(new FakeConnection({ queued: 10 }));
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
    const { test, requests, onCancel } = open();
    test.send(prefixed('a', '!', 'b'));
    expect(requests).toEqual(['a']);
    const message = 'the request cannot be decoded: it begins with !';
    expect(test.sent()).toEqual(failed(code.INTERNAL, message));
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(test.defects).toEqual([]);
  });

  test('a last request cut short: INTERNAL, and the handler is told', () => {
    const { test, onEnd, onCancel } = open();
    test.send(prefixed('hello').subarray(0, 7));
    test.halfClose();
    expect(test.sent()).toEqual(failed(code.INTERNAL, 'the last request was cut short'));
    expect(onEnd).not.toHaveBeenCalled();
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(test.connection.unfinished).toBe(0);
  });

  const moments: [string, (call: Call, fail: () => never) => void, (test: TestCall) => void][] = [
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
      const test = new TestCall(methodOf((call) => set(call, fail)));
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
      const test = new TestCall(methodOf((call) => set(call, fail)));
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
    const { test, given, onCancel } = open(undefined, 50);
    given.write('a');
    vi.advanceTimersByTime(50);
    expect(test.sent().headers.at(-1)).toMatchObject({ 'grpc-status': '4' });
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(given.ended).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
