/**
 * `node bench/bare/main.ts SOCKET`: a pub/sub component that stores nothing. It answers at once and
 * hands each message to whoever is subscribed in this process: what the hop alone costs on this server.
 *
 * Where Init's metadata has a `count` and a `size`, each stream gets so many messages with so many
 * bytes of data, as fast as it takes them. It makes them itself: a Component cannot hold the larger ones.
 */
import { createServer } from 'node:net';
import type { PullMessagesRequest, PullMessagesResponse } from '../../src/dapr/messages.ts';
import {
  bulkPublishRequest,
  bulkPublishResponse,
  empty,
  featuresResponse,
  type InitRequest,
  initRequest,
  publishRequest,
  pullMessagesRequest,
  pullMessagesResponse,
} from '../../src/dapr/messages.ts';
import { reflectionMethods } from '../../src/dapr/reflection.ts';
import type { Codec } from '../../src/grpc/codec.ts';
import { Http2Server } from '../../src/grpc/http2-server.ts';
import type { Method, StreamingCall } from '../../src/grpc/method.ts';
import { generatedEvent } from './generated-event.ts';

/** Unsettled messages of one stream, as many as this project's component has by default. */
const window = 256;

const subscribers = new Map<string, Set<(data: Uint8Array) => void>>();
/** Set by Init: messages that each stream is to get, and the bytes of their data. */
let generate = { count: 0, size: 0 };

const publish = (topic: string, data: Uint8Array) => {
  for (const deliver of subscribers.get(topic) ?? []) deliver(data);
};

const unary = <Request, Response>(
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
  answer: (request: Request) => Response,
): Method => ({
  kind: 'unary',
  path: `/dapr.proto.components.v1.PubSub/${name}`,
  request,
  response,
  handle: (message, call) => call.answer(answer(message)),
});

const pull = (call: StreamingCall<PullMessagesRequest, PullMessagesResponse>) => {
  let topic: string | undefined;
  let sent = 0;
  let settled = 0;
  const deliver = (data: Uint8Array) => {
    const topicName = topic ?? '';
    const metadata = { Topic: topicName };
    call.write({ id: `${++sent}`, data, topicName, metadata, contentType: '' });
  };
  let made: Uint8Array = Buffer.alloc(0);
  call.onMessage = (request) => {
    if (topic === undefined) {
      topic = request.topic?.name ?? '';
      const all = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, all.add(deliver));
      if (generate.count > 0) made = generatedEvent(topic, generate.size);
    } else settled++;
    while (sent < generate.count && sent - settled < window) deliver(made);
  };
  const end = () => subscribers.get(topic ?? '')?.delete(deliver);
  call.onCancel = end;
  call.onEnd = () => {
    end();
    call.end();
  };
};

const socket = process.argv[2];
if (!socket) throw new Error('usage: node bench/bare/main.ts SOCKET');

const server = new Http2Server({
  methods: [
    unary('Init', initRequest, empty, ({ metadata }: InitRequest) => {
      const { count = '0', size = '0' } = metadata?.properties ?? {};
      generate = { count: Number(count), size: Number(size) };
      return {};
    }),
    unary('Features', empty, featuresResponse, () => ({ features: ['BULK_PUBSUB'] })),
    unary('Publish', publishRequest, empty, ({ topic, data }) => {
      publish(topic, data);
      return {};
    }),
    unary('BulkPublish', bulkPublishRequest, bulkPublishResponse, ({ topic, entries }) => {
      for (const { event } of entries) publish(topic, event);
      return { failedEntries: [] };
    }),
    {
      kind: 'streaming',
      path: '/dapr.proto.components.v1.PubSub/PullMessages',
      request: pullMessagesRequest,
      response: pullMessagesResponse,
      handle: pull,
    },
    ...['Ping', 'Pause', 'Resume'].map((name) => unary(name, empty, empty, () => ({}))),
    ...reflectionMethods(),
  ],
  defect: (error) => console.error(error),
});
createServer((connection) => server.serve(connection, undefined)).listen(socket, () =>
  console.log('ready'),
);
process.on('SIGTERM', () => process.exit(0));
