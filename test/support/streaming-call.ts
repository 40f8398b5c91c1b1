import { vi } from 'vitest';
import type { StreamingCall } from '../../src/grpc/method.ts';
import { TestCall, textCodec } from './grpc-call.ts';
import { FakeConnection } from './grpc-connection.ts';

/** A streaming call of text. */
export type TextCall = StreamingCall<string, string>;

/** Returns a streaming method of text. */
export const streamingMethod = (handle: (call: TextCall) => void) => ({
  kind: 'streaming' as const,
  path: '/test/Streaming',
  request: textCodec,
  response: textCodec,
  handle,
});

/** Opens a streaming call whose handler does what the test does. */
export function openStreaming(connection = new FakeConnection(), timeout?: number) {
  const requests: string[] = [];
  const onEnd = vi.fn();
  const onRoom = vi.fn();
  const onCancel = vi.fn();
  let given: TextCall | undefined;
  const method = streamingMethod((call) => {
    given = Object.assign(call, { onEnd, onRoom, onCancel });
    call.onMessage = (request) => void requests.push(request);
  });
  const test = new TestCall(method, connection, timeout);
  if (!given) throw new Error('the handler was not called');
  return { test, given, requests, onEnd, onRoom, onCancel };
}
