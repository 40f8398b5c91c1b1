import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Instance, SubscribeOptions } from '../component/instance.ts';
import { ComponentError, type ErrorCode } from '../errors.ts';
import type { InboundMessage } from '../jetstream/message.ts';
import type { Logger } from '../log.ts';
import type { DecodedPullMessagesRequest } from './generated/dapr/proto/components/v1/PullMessagesRequest.ts';
import type { PullMessagesResponse } from './generated/dapr/proto/components/v1/PullMessagesResponse.ts';
import { toStatus } from './status.ts';

export type PullCall = ServerDuplexStream<DecodedPullMessagesRequest, PullMessagesResponse>;

/**
 * What daprd's gRPC client takes as one message. A larger one breaks the stream for good, so it
 * is never written (host.md: "Calls"). Unit: bytes.
 */
const hostMessageLimit = 4 * 1024 * 1024;

/**
 * What daprd 1.16 says of a message whose turn came after it had closed the subscription: when it stops,
 * or its app is not healthy any more. No handler has seen it, so it is no failure that would earn a
 * delay. 1.18 says nothing of such a message and ends the stream.
 */
const neverHandled = 'subscription is closed';

/** How long a new stream may take to name its topic. Unit: milliseconds. */
const firstRequestLimit = 30_000;

/**
 * Serves one PullMessages stream: the first request opens a subscription, each later one settles a
 * message, and every message the subscription hands over is written once there is room.
 *
 * The stream ends when the host ends it, when the process stops, or at once for a first request
 * that can never work. Nothing that passes ends it: daprd would never open it again.
 */
export async function servePullStream(
  call: PullCall,
  instanceOf: () => Promise<Instance>,
  log: Logger,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  call.once('cancelled', end);
  call.once('close', end);
  call.once('error', end);
  const patience = setTimeout(() => {
    fail(new ComponentError('invalid-request', 'no topic was named within 30 s'));
  }, firstRequestLimit);

  const fail = (error: unknown) => {
    if (ended.signal.aborted) return;
    call.emit('error', toStatus(error, log));
    end();
  };

  try {
    const first = await firstRequest(call, ended.signal);
    clearTimeout(patience);
    if (!first) return;
    const { topic } = first;
    if (!topic?.name) {
      throw new ComponentError(
        'invalid-request',
        'the first request of a PullMessages stream must name a topic',
      );
    }
    const subscription = await subscribe(instanceOf, ended.signal, {
      topic: topic.name,
      metadata: topic.metadata,
      deliver: (message) => deliver(call, message, ended.signal),
      signal: ended.signal,
    });
    if (!subscription) return;
    subscription.closed.then(() => {
      if (!ended.signal.aborted) call.end();
    });
    const halfClosed = new Promise((resolve) => call.once('end', resolve));
    call.on('data', ({ topic, ackMessageId, ackError }: DecodedPullMessagesRequest) => {
      try {
        if (ackMessageId && ackError?.message === neverHandled)
          subscription.unhandled(ackMessageId);
        else if (ackMessageId) subscription.settle(ackMessageId, ackError?.message);
        else if (topic) log.warn({ topic: topic.name }, 'ignored a second topic on one stream');
      } catch (error) {
        // One stream ends, not the process.
        fail(error);
      }
    });
    call.resume();
    await Promise.race([halfClosed, aborted(ended.signal)]);
  } catch (error) {
    fail(error);
  } finally {
    clearTimeout(patience);
    end();
    if (!call.writableEnded) call.end();
  }
}

/** Reads one request and no further; undefined where the stream ends before. */
function firstRequest(
  call: PullCall,
  signal: AbortSignal,
): Promise<DecodedPullMessagesRequest | undefined> {
  const first = new Promise<DecodedPullMessagesRequest | undefined>((resolve) => {
    call.once('end', () => resolve(undefined));
    call.once('data', (request: DecodedPullMessagesRequest) => {
      call.pause();
      resolve(request);
    });
  });
  return Promise.race([first, aborted(signal)]);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Between two attempts to get at an instance. Unit: milliseconds. */
const retryWait = 1_000;

/** What passes: an adopted instance that cannot connect just now, one that is being replaced. */
const passing = new Set<ErrorCode>(['unavailable', 'timeout', 'unauthenticated', 'closed']);

/** Goes on trying while what is in the way may pass. Undefined when the stream ended meanwhile. */
async function subscribe(
  instanceOf: () => Promise<Instance>,
  signal: AbortSignal,
  options: SubscribeOptions,
) {
  while (!signal.aborted) {
    try {
      return await (await instanceOf()).subscribe(options);
    } catch (error) {
      if (!passing.has(ComponentError.from(error).code)) throw error;
      await sleep(retryWait, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/** Writes one message; a promise resolves once the stream has room for the next. */
function deliver(
  call: PullCall,
  message: InboundMessage,
  signal: AbortSignal,
): ReturnType<SubscribeOptions['deliver']> {
  if (wireSize(message) > hostMessageLimit) return 'too-large';
  const response: PullMessagesResponse = {
    id: message.id,
    data: message.data,
    topicName: message.topic,
    metadata: message.metadata,
    contentType: message.contentType,
  };
  if (call.write(response)) return 'delivered';
  return once(call, 'drain', { signal }).then(() => 'delivered');
}

/** The encoded size, at most: each field costs its bytes and up to 11 more for tag and lengths. */
function wireSize(message: InboundMessage): number {
  let size = message.data.byteLength + message.id.length + 64;
  size += Buffer.byteLength(message.topic) + Buffer.byteLength(message.contentType);
  for (const key in message.metadata) {
    size += Buffer.byteLength(key) + Buffer.byteLength(message.metadata[key] as string) + 22;
  }
  return size;
}
