import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance, SubscribeOptions } from '../component/instance.ts';
import type { Connection } from '../component/sessions.ts';
import { ComponentError, type ErrorCode } from '../errors.ts';
import type { StreamingCall } from '../grpc/method.ts';
import type { InboundMessage } from '../jetstream/message.ts';
import type { Logger } from '../log.ts';
import {
  type PullMessagesRequest,
  type PullMessagesResponse,
  pullMessagesResponse,
  type Topic,
} from './messages.ts';
import { toStatus } from './status.ts';

export type PullCall = StreamingCall<PullMessagesRequest, PullMessagesResponse, Connection>;

/**
 * What daprd's gRPC client takes as one message. A larger one breaks the stream for good, so it is never written.
 * Unit: bytes.
 */
const hostMessageLimit = 4 * 1024 * 1024;

/**
 * The error with which daprd 1.16 answers a message that it has not handled when it closes the subscription, because it
 * stops or its app is unhealthy. No handler has failed, so the message is redelivered without a delay. daprd 1.18
 * ends the stream without an answer instead.
 */
const neverHandled = 'subscription is closed';

/** How long a new stream may take to name its topic. Unit: milliseconds. */
const firstRequestLimit = 30_000;

/**
 * Serves one PullMessages stream: the first request opens a subscription, each later one settles a
 * message, and every message the subscription hands over is written once there is room.
 *
 * The stream ends when daprd ends it, when the process stops, or at once for a first request that can never work. A
 * temporary problem does not end it: daprd would never open it again.
 */
export async function servePullStream(
  call: PullCall,
  instanceOf: () => Promise<Instance>,
  log: Logger,
): Promise<void> {
  const ended = new AbortController();
  const end = (error?: unknown) => {
    if (ended.signal.aborted) return;
    call.end(error === undefined ? undefined : toStatus(error, log));
    ended.abort();
  };
  call.onCancel = () => ended.abort();
  let firstRequestTimer: NodeJS.Timeout | undefined = setTimeout(() => {
    end(new ComponentError('invalid-request', 'no topic was named within 30 s'));
  }, firstRequestLimit);
  ended.signal.addEventListener('abort', () => clearTimeout(firstRequestTimer));
  call.onEnd = () => end();
  const roomMade = new Room(call, ended.signal);

  try {
    const topic = await firstTopic(call, ended.signal);
    clearTimeout(firstRequestTimer);
    firstRequestTimer = undefined;
    if (!topic) return;
    const subscription = await subscribe(instanceOf, ended.signal, {
      topic: topic.name,
      metadata: topic.metadata,
      deliver: (message) => deliver(call, message, roomMade),
      signal: ended.signal,
    });
    if (!subscription) return;
    subscription.closed.then(() => end());
    call.onMessage = ({ topic, ackMessageId, ackError }) => {
      try {
        if (ackMessageId && ackError?.message === neverHandled)
          subscription.unhandled(ackMessageId);
        else if (ackMessageId) subscription.settle(ackMessageId, ackError?.message);
        else if (topic) log.warn({ topic: topic.name }, 'ignored a second topic on one stream');
      } catch (error) {
        // One stream ends, not the process.
        end(error);
      }
    };
    call.resume();
  } catch (error) {
    end(error);
  }
}

/**
 * Reads one request and pauses the stream. Returns undefined if the stream ends before.
 *
 * @throws ComponentError if the request does not name a topic
 */
function firstTopic(call: PullCall, signal: AbortSignal): Promise<Topic | undefined> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
    call.onMessage = ({ topic }) => {
      call.pause();
      if (topic?.name) return resolve(topic);
      const text = 'the first request of a PullMessages stream must name a topic';
      reject(new ComponentError('invalid-request', text));
    };
  });
}

/** Time between two attempts to subscribe. Unit: milliseconds. */
const retryWait = 1_000;

/** Temporary errors: an adopted instance cannot connect, or an instance is being replaced. */
const passing = new Set<ErrorCode>(['unavailable', 'timeout', 'unauthenticated', 'closed']);

/** Retries while the error is temporary. Returns undefined if the stream has ended meanwhile. */
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

/** Waits for room on a stream. */
class Room {
  readonly #call: PullCall;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(call: PullCall, signal: AbortSignal) {
    this.#call = call;
    call.onRoom = () => this.#resolve?.();
    signal.addEventListener('abort', () => this.#reject?.(signal.reason), { once: true });
  }

  /** @throws the signal's reason when the stream ends first */
  made(): Promise<void> {
    if (this.#call.ended) return Promise.reject(new ComponentError('closed', 'the stream ended'));
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}

/** Writes one message; a promise resolves once the stream has room for the next. */
function deliver(
  call: PullCall,
  { id, data, topic: topicName, metadata, contentType }: InboundMessage,
  room: Room,
): ReturnType<SubscribeOptions['deliver']> {
  const response: PullMessagesResponse = { id, data, topicName, metadata, contentType };
  if (pullMessagesResponse.size(response) > hostMessageLimit) return 'too-large';
  if (call.write(response)) return 'delivered';
  return room.made().then(() => 'delivered');
}
