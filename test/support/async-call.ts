import type { Codec } from '../../src/grpc/codec.ts';
import type { StreamingCall, StreamingMethod } from '../../src/grpc/method.ts';
import { code, type MetadataEntries, StatusError } from '../../src/grpc/status.ts';

/** A streaming call as async code uses it. Every wait ends with an error when the call is cancelled. */
export interface AsyncCall<Request, Response> {
  readonly call: StreamingCall<Request, Response>;
  readonly cancelled: AbortSignal;
  /** The requests. The client is held back while nobody waits for the next one. */
  readonly requests: AsyncIterable<Request>;
  /** Sends a response and waits for room for the next one. */
  send(response: Response): Promise<void>;
}

/**
 * Returns a streaming method that async code serves. The call ends with the trailers that it returns, or with the
 * status of the {@link StatusError} that it throws.
 */
export function asyncMethod<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  serve: (call: AsyncCall<Request, Response>) => Promise<MetadataEntries>,
): StreamingMethod<Request, Response> {
  const handle = async (call: StreamingCall<Request, Response>) => {
    const asynchronous = toAsync(call);
    try {
      call.end({ code: code.OK, trailers: await serve(asynchronous) });
    } catch (error) {
      if (asynchronous.cancelled.aborted) return;
      if (!(error instanceof StatusError)) throw error;
      call.end(error.status);
    }
  };
  return { kind: 'streaming', path, request, response, handle };
}

function toAsync<Request, Response>(
  call: StreamingCall<Request, Response>,
): AsyncCall<Request, Response> {
  const cancelled = new AbortController();
  const received: Request[] = [];
  let halfClosed = false;
  let wake = () => {};
  call.pause();
  call.onMessage = (request) => {
    received.push(request);
    call.pause();
    wake();
  };
  call.onEnd = () => {
    halfClosed = true;
    wake();
  };
  call.onRoom = () => wake();
  call.onCancel = () => {
    cancelled.abort();
    wake();
  };
  /** Only one of reading and writing waits at a time: a handler does one thing after the other. */
  const until = async (condition: () => boolean) => {
    while (!condition()) {
      cancelled.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  async function* requests() {
    for (;;) {
      if (received.length === 0) call.resume();
      await until(() => received.length > 0 || halfClosed);
      const next = received.shift();
      if (next === undefined) return;
      yield next;
    }
  }
  const send = async (response: Response) => {
    cancelled.signal.throwIfAborted();
    if (call.write(response)) return;
    let room = false;
    call.onRoom = () => {
      room = true;
      wake();
    };
    await until(() => room);
  };
  return { call, cancelled: cancelled.signal, requests: requests(), send };
}
