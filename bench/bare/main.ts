/**
 * `node bench/bare/main.ts SOCKET`: a pub/sub component that stores nothing. It answers at once and delivers
 * each message to the subscribers in this process. It shows what daprd and the gRPC server of this project
 * cost alone.
 *
 * With `count` and `size` in the metadata of Init, each stream gets so many messages with so many bytes of
 * data, as fast as it takes them. The component generates these messages. `concurrency: single` keeps all but
 * one of them back until that one is acknowledged.
 */
import { createServer } from 'node:net';
import {
  bulkPublishRequest,
  bulkPublishResponse,
  empty,
  featuresResponse,
  initRequest,
  type PublishRequest,
  type PullMessagesRequest,
  type PullMessagesResponse,
  publishRequest,
  pullMessagesRequest,
  pullMessagesResponse,
} from '../../src/dapr/messages.ts';
import { reflectionMethods } from '../../src/dapr/reflection.ts';
import type { Codec } from '../../src/grpc/codec.ts';
import { Http2Server } from '../../src/grpc/http2-server.ts';
import type { StreamingCall, UnaryMethod } from '../../src/grpc/method.ts';
import { generatedEvent } from './generated-event.ts';

/** Unsettled messages of one stream: the default `prefetchCount` of this project's component. */
const prefetched = 256;

type PullCall = StreamingCall<PullMessagesRequest, PullMessagesResponse>;

const subscribers = new Map<string, Set<(data: Uint8Array) => void>>();

/** Set by Init: the messages for each stream, the bytes of their data, and the most that are unsettled. */
let generate = { count: 0, size: 0, window: prefetched };

function publish({ topic, data }: Pick<PublishRequest, 'topic' | 'data'>): void {
  for (const deliver of subscribers.get(topic) ?? []) deliver(data);
}

function unary<Request, Response>(
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (request: Request) => Response,
): UnaryMethod<Request, Response> {
  return {
    kind: 'unary',
    path: `/dapr.proto.components.v1.PubSub/${name}`,
    request,
    response,
    handle: (request, call) => call.answer(answer(request)),
  };
}

function pull(call: PullCall): void {
  let topic: string | undefined;
  let sent = 0;
  let settled = 0;
  let event: Uint8Array = new Uint8Array();
  const deliver = (data: Uint8Array) => {
    const topicName = topic ?? '';
    const metadata = { Topic: topicName };
    call.write({ id: `${++sent}`, data, topicName, metadata, contentType: '' });
  };
  const fill = () => {
    while (sent < generate.count && sent - settled < generate.window) deliver(event);
  };
  const unsubscribe = () => subscribers.get(topic ?? '')?.delete(deliver);
  call.onMessage = (request) => {
    if (topic === undefined) {
      topic = request.topic?.name ?? '';
      const all = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, all.add(deliver));
      if (generate.count > 0) event = generatedEvent(topic, generate.size);
    } else settled++;
    fill();
  };
  call.onCancel = unsubscribe;
  call.onEnd = () => {
    unsubscribe();
    call.end();
  };
}

const methods = [
  unary('Init', initRequest, empty, ({ metadata }) => {
    const { count = '0', size = '0', concurrency } = metadata?.properties ?? {};
    const window = concurrency === 'single' ? 1 : prefetched;
    generate = { count: Number(count), size: Number(size), window };
    return {};
  }),
  unary('Features', empty, featuresResponse, () => ({ features: ['BULK_PUBSUB'] })),
  unary('Publish', publishRequest, empty, (request) => {
    publish(request);
    return {};
  }),
  unary('BulkPublish', bulkPublishRequest, bulkPublishResponse, ({ topic, entries }) => {
    for (const { event } of entries) publish({ topic, data: event });
    return { failedEntries: [] };
  }),
  {
    kind: 'streaming' as const,
    path: '/dapr.proto.components.v1.PubSub/PullMessages',
    request: pullMessagesRequest,
    response: pullMessagesResponse,
    handle: pull,
  },
  ...['Ping', 'Pause', 'Resume'].map((name) => unary(name, empty, empty, () => ({}))),
];

const socket = process.argv[2];
if (!socket) throw new Error('usage: node bench/bare/main.ts SOCKET');
const server = new Http2Server({
  methods: [...methods, ...reflectionMethods()],
  defect: (error, path) => console.error(`${path}: ${error}`),
});
createServer((connection) => void server.serve(connection, undefined)).listen(socket, () =>
  console.log('ready'),
);
process.on('SIGTERM', () => process.exit(0));
