import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefixed } from '../../support/grpc-call.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { cutAt } from '../../support/grpc-frames.ts';
import { openStreaming } from '../../support/streaming-call.ts';

describe('a streaming call whose handler pauses', () => {
  test('holds requests back, and the end behind them', () => {
    const { test, given, requests, onEnd } = openStreaming();
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
    const { test, given, requests } = openStreaming(connection);
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
    const { test, given } = openStreaming(connection);
    given.pause();
    test.send(prefixed('x'.repeat(5_000)));
    expect(connection.held).toBeGreaterThan(5_000);
    expect(connection.totals.held).toBe(connection.held);
    given.resume();
    expect(connection.held).toBe(0);
    expect(connection.totals.held).toBe(0);
  });

  test('more than the limits allow ends the call', () => {
    const connection = new FakeConnection({ held: 2_000 });
    const { test, given, onCancel } = openStreaming(connection);
    given.pause();
    test.send(prefixed('x'.repeat(5_000)));
    expect(test.sent().headers).toMatchObject([{ 'grpc-status': '8' }]);
    expect(onCancel).toHaveBeenCalledTimes(1);
    expect(connection.held).toBe(0);
  });

  test.each(['end', 'cancel'] as const)(
    'an %s while paused credits the connection what was held',
    (how) => {
      const connection = new FakeConnection({ connectionWindow: 1_000 });
      const { test, given } = openStreaming(connection);
      given.pause();
      test.send(prefixed('x'.repeat(595)));
      if (how === 'end') given.end();
      else test.cancel();
      expect(connection.frames().filter(({ streamId }) => streamId === 0)).toHaveLength(1);
      expect(connection.held).toBe(0);
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
        const { test, given, requests, onEnd } = openStreaming(connection);
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
        expect(connection.held).toBe(0);
      }),
    );
  });
});
