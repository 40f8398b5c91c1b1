/**
 * `node bench/bare/main.ts SOCKET`: a pub/sub component that stores nothing. It answers at once and
 * hands each message to whoever is subscribed in this process: what the hop alone costs on grpc-js.
 *
 * Where Init's metadata has a `count` and a `size`, each stream gets so many messages with so many
 * bytes of data, as fast as it takes them. It makes them itself: a Component cannot hold the larger ones.
 */
import { createServer } from 'node:net';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { serverDefinition } from '../../src/dapr/contract.ts';
import { createReflection } from '../../src/dapr/reflection.ts';
import { generatedEvent } from './generated-event.ts';

/** Unsettled messages of one stream, as many as this project's component has by default. */
const window = 256;

interface Published {
  topic: string;
  data: Uint8Array;
}
interface PullRequest {
  topic?: { name: string } | null;
}
type Stream = ServerDuplexStream<PullRequest, object>;

const subscribers = new Map<string, Set<(data: Uint8Array) => void>>();
/** Set by Init: messages that each stream is to get, and the bytes of their data. */
let generate = { count: 0, size: 0 };

const publish = ({ topic, data }: Published) => {
  for (const deliver of subscribers.get(topic) ?? []) deliver(data);
};

type Callback = (error: null, answer: object) => void;
const answer = (value: object) => (_: unknown, callback: Callback) => callback(null, value);

const handlers = {
  Init: (
    call: { request: { metadata?: { properties?: Record<string, string> } } },
    callback: Callback,
  ) => {
    const { count = '0', size = '0' } = call.request.metadata?.properties ?? {};
    generate = { count: Number(count), size: Number(size) };
    callback(null, {});
  },
  Features: answer({ features: ['BULK_PUBSUB'] }),
  Publish: (call: { request: Published }, callback: Callback) => {
    publish(call.request);
    callback(null, {});
  },
  BulkPublish: (
    call: { request: { topic: string; entries: { event: Uint8Array }[] } },
    callback: Callback,
  ) => {
    const { topic, entries } = call.request;
    for (const { event } of entries) publish({ topic, data: event });
    callback(null, { failedEntries: [] });
  },
  PullMessages: (call: Stream) => {
    let topic: string | undefined;
    let sent = 0;
    let settled = 0;
    const deliver = (data: Uint8Array) => {
      call.write({ id: `${++sent}`, data, topicName: topic, metadata: { Topic: topic } });
    };
    let made: Uint8Array = Buffer.alloc(0);
    const fill = () => {
      while (sent < generate.count && sent - settled < window) deliver(made);
    };
    call.on('data', (request: PullRequest) => {
      if (topic === undefined) {
        topic = request.topic?.name ?? '';
        const all = subscribers.get(topic) ?? new Set();
        subscribers.set(topic, all.add(deliver));
        if (generate.count > 0) made = generatedEvent(topic, generate.size);
      } else settled++;
      fill();
    });
    const end = () => subscribers.get(topic ?? '')?.delete(deliver);
    call.on('cancelled', end);
    call.on('error', end);
    call.on('end', () => {
      end();
      call.end();
    });
  },
  Ping: answer({}),
  Pause: answer({}),
  Resume: answer({}),
};

const socket = process.argv[2];
if (!socket) throw new Error('usage: node bench/bare/main.ts SOCKET');
const definition = serverDefinition();
const reflection = createReflection();
createServer((connection) => {
  const grpc = new Server({ 'grpc.enable_channelz': 0 });
  grpc.addService(definition, handlers as never);
  reflection.addToServer(grpc);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  connection.on('error', () => undefined);
  connection.on('close', () => injector.destroy());
  injector.injectConnection(connection);
}).listen(socket, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
