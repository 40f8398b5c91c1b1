import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { UnaryCall } from '../../../src/grpc/method.ts';
import { code, StatusError } from '../../../src/grpc/status.ts';
import { failed, okay, prefixed, TestCall, textCodec } from '../../support/grpc-call.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';

type Handler = (request: string, call: UnaryCall<string>) => void;

const methodOf = (handle: Handler) => ({
  kind: 'unary' as const,
  path: '/test/Unary',
  request: textCodec,
  response: textCodec,
  handle,
});

/** Calls the handler with a request. */
function call(handle: Handler, request = prefixed('hello'), connection = new FakeConnection()) {
  const test = new TestCall(methodOf(handle), connection);
  test.send(request);
  test.halfClose();
  return test;
}

/** Calls a handler that waits. Returns what it was given. */
function waiting(connection = new FakeConnection(), timeout?: number) {
  let given: UnaryCall<string> | undefined;
  const onCancel = vi.fn();
  const method = methodOf((_, call) => {
    given = call;
    call.onCancel = onCancel;
  });
  const test = new TestCall(method, connection, timeout);
  test.send(prefixed('hello'));
  test.halfClose();
  if (!given) throw new Error('the handler was not called');
  return { test, given, onCancel };
}

describe('an answer', () => {
  test('at once: headers, message and trailers', () => {
    const test = call((request, call) => call.answer(`${request} ${call.path} ${call.peer}`));
    expect(test.sent()).toEqual(okay('hello /test/Unary peer'));
    expect(test.connection.ended).toEqual([1]);
  });

  test('later', () => {
    const { test, given } = waiting();
    expect(test.sent()).toMatchObject({ headers: [], ended: false });
    given.answer('later');
    expect(test.sent()).toEqual(okay('later'));
  });

  test('that is empty is a message of 0 bytes', () => {
    expect(call((_, call) => call.answer('')).sent()).toEqual(okay(''));
  });

  test('with metadata before and after it', () => {
    const test = call((_, call) => {
      call.sendMetadata([['x-first', '1']]);
      call.sendMetadata([['x-second', 'is ignored']]);
      call.answer('a', [['x-last-bin', Buffer.of(1, 2)]]);
    });
    const { headers, data } = test.sent();
    expect(headers[0]).toMatchObject({ ':status': '200', 'x-first': '1' });
    expect(headers[0]).not.toHaveProperty('x-second');
    expect(headers[1]).toEqual({ 'grpc-status': '0', 'x-last-bin': 'AQI' });
    expect(data).toEqual(prefixed('a'));
  });

  test('larger than the windows goes on as they grow, trailers last', () => {
    const large = 'x'.repeat(100_000);
    const test = call((_, call) => call.answer(large));
    const first = test.sent();
    expect([first.headers.length, first.data.length, first.ended]).toEqual([1, 65_535, false]);
    test.connection.sendWindows.growStream(test.call, 100_000);
    test.connection.sendWindows.growConnection(100_000);
    const rest = test.sent();
    expect(Buffer.concat([first.data, rest.data]).equals(prefixed(large))).toBe(true);
    expect(rest).toMatchObject({ headers: [{ 'grpc-status': '0' }], ended: true });
  });

  test('is given once, whatever comes after it', () => {
    const { test, given, onCancel } = waiting();
    given.answer('one');
    given.answer('two');
    given.fail({ code: code.ABORTED });
    given.sendMetadata([['x', 'y']]);
    test.cancel();
    expect(test.sent()).toEqual(okay('one'));
    expect(onCancel).not.toHaveBeenCalled();
  });
});

describe('an error', () => {
  test('is one header block, with its message percent-encoded and its trailers', () => {
    const { test, given } = waiting();
    given.fail({ code: code.NOT_FOUND, message: 'no ü', trailers: [['x-why', 'because']] });
    given.answer('too late');
    const expected = failed(code.NOT_FOUND, 'no %C3%BC');
    Object.assign(expected.headers[0] ?? {}, { 'x-why': 'because' });
    expect(test.sent()).toEqual(expected);
  });

  test('after metadata is in the trailers', () => {
    const test = call((_, call) => {
      call.sendMetadata([['x-first', '1']]);
      call.fail({ code: code.ABORTED, message: 'after all' });
    });
    expect(test.sent()).toMatchObject({
      headers: [{ 'x-first': '1' }, { 'grpc-status': '10', 'grpc-message': 'after all' }],
      ended: true,
    });
  });

  test('has no more than 4,096 characters of its message', () => {
    const test = call((_, call) => call.fail({ code: code.UNKNOWN, message: 'x'.repeat(5_000) }));
    expect(test.sent()).toEqual(failed(code.UNKNOWN, 'x'.repeat(4_096)));
  });

  test('that a handler throws by its status is the answer, and not a defect', () => {
    const test = call(() => {
      throw new StatusError({ code: code.OUT_OF_RANGE, message: 'too far' });
    });
    expect(test.sent()).toEqual(failed(code.OUT_OF_RANGE, 'too far'));
    expect(test.defects).toEqual([]);
  });

  test('that a handler throws otherwise is a defect, of which the client is told nothing', () => {
    const error = new Error('secret');
    const test = call(() => {
      throw error;
    });
    expect(test.sent()).toEqual(failed(code.INTERNAL, 'internal error'));
    expect(test.defects).toEqual([[error, '/test/Unary']]);
  });

  test('that a handler throws after its answer is a defect, and changes nothing for the client', () => {
    const error = new Error('late');
    const test = call((_, call) => {
      call.answer('a');
      throw error;
    });
    expect(test.sent()).toEqual(okay('a'));
    expect(test.defects).toEqual([[error, '/test/Unary']]);
  });
});

describe('a request', () => {
  const never: Handler = () => expect.fail('the handler was called');

  test('may come in any pieces, and is handled when the client has ended it', () => {
    const handle = vi.fn<Handler>((request, call) => call.answer(request));
    const test = new TestCall(methodOf(handle));
    for (const byte of prefixed('hello')) test.send(Buffer.of(byte));
    expect(handle).not.toHaveBeenCalled();
    test.halfClose();
    expect(test.sent()).toEqual(okay('hello'));
    expect(test.connection.held).toBe(0);
  });

  test('that is missing: UNIMPLEMENTED', () => {
    const test = new TestCall(methodOf(never));
    test.halfClose();
    expect(test.sent().headers).toMatchObject([{ 'grpc-status': '12' }]);
  });

  test('with a second one: UNIMPLEMENTED, before the client has ended', () => {
    const test = new TestCall(methodOf(never));
    test.send(prefixed('one', 'two'));
    expect(test.sent().headers).toMatchObject([{ 'grpc-status': '12' }]);
  });

  test('with a second one, and the beginning of a third: nothing is left behind', () => {
    const test = new TestCall(methodOf(never));
    const third = prefixed('x'.repeat(5_000)).subarray(0, 100);
    test.send(Buffer.concat([prefixed('one', 'two'), third]));
    expect(test.connection.held).toBe(0);
    expect(test.connection.totals.held).toBe(0);
  });

  test.each([1, 4, 6, 9])('cut short after %d of 10 bytes: INTERNAL', (length) => {
    const test = new TestCall(methodOf(never));
    test.send(prefixed('hello').subarray(0, length));
    test.halfClose();
    expect(test.sent()).toEqual(failed(code.INTERNAL, 'the request was cut short'));
    expect(test.connection.held).toBe(0);
  });

  test('that cannot be decoded: INTERNAL', () => {
    const message = 'the request cannot be decoded: it begins with !';
    expect(call(never, prefixed('!')).sent()).toEqual(failed(code.INTERNAL, message));
  });

  test('larger than allowed: RESOURCE_EXHAUSTED, as soon as its length is there', () => {
    const test = new TestCall(methodOf(never), new FakeConnection({ message: 10 }));
    test.send(prefixed('x'.repeat(11)).subarray(0, 5));
    expect(test.sent().headers).toMatchObject([{ 'grpc-status': '8' }]);
    expect(test.connection.held).toBe(0);
  });

  test('of which a part has come when the client cancels leaves nothing behind', () => {
    const test = new TestCall(methodOf(never));
    test.send(prefixed('x'.repeat(5_000)).subarray(0, 3_000));
    expect(test.connection.held).toBeGreaterThan(0);
    test.cancel();
    expect(test.connection.held).toBe(0);
    expect(test.connection.totals.held).toBe(0);
  });
});

describe('the end of a call before its answer', () => {
  test('a client that cancels: the handler is told once, and nothing is sent', () => {
    const { test, given, onCancel } = waiting();
    test.cancel();
    test.call.onAbort();
    expect(onCancel).toHaveBeenCalledTimes(1);
    given.answer('late');
    given.fail({ code: code.ABORTED });
    given.sendMetadata([['x', 'y']]);
    expect(test.sent()).toMatchObject({ headers: [], ended: false });
    expect(test.connection.ended).toEqual([]);
  });

  test('an error that onCancel throws is a defect', () => {
    const { test, onCancel } = waiting();
    const error = new Error('in onCancel');
    onCancel.mockImplementation(() => {
      throw error;
    });
    test.cancel();
    expect(test.sent().headers).toEqual([]);
    expect(test.defects).toEqual([[error, '/test/Unary']]);
  });

  describe('by its timeout', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('is DEADLINE_EXCEEDED, and the handler is told', () => {
      const { test, given, onCancel } = waiting(undefined, 100);
      expect(given.timeout).toBe(100);
      vi.advanceTimersByTime(99);
      expect(test.sent().ended).toBe(false);
      vi.advanceTimersByTime(1);
      expect(test.sent().headers).toMatchObject([{ 'grpc-status': '4' }]);
      expect(onCancel).toHaveBeenCalledTimes(1);
      given.answer('late');
      expect(test.sent().headers).toEqual([]);
    });

    test('does not come after an answer or a cancelled call, of which no timer is left', () => {
      const { given } = waiting(undefined, 100);
      given.answer('in time');
      const { test } = waiting(undefined, 100);
      test.cancel();
      expect(vi.getTimerCount()).toBe(0);
    });

    test('does not come at once for a timeout longer than a timer can wait', () => {
      const { test, given } = waiting(undefined, 2 ** 31);
      vi.advanceTimersByTime(1_000);
      expect(given.timeout).toBe(2 ** 31);
      expect(test.sent().ended).toBe(false);
    });
  });
});
