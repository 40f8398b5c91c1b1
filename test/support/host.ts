import { type ClientDuplexStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { PubSub } from './contract.ts';
import type { PubSubClient } from './generated/dapr/proto/components/v1/PubSub.ts';
import type { PullMessagesRequest } from './generated/dapr/proto/components/v1/PullMessagesRequest.ts';
import type { DecodedPullMessagesResponse } from './generated/dapr/proto/components/v1/PullMessagesResponse.ts';
import { until } from './wait.ts';

type Unary = 'Init' | 'Features' | 'Publish' | 'BulkPublish' | 'Ping' | 'Pause' | 'Resume';

/** A real gRPC client on the socket that behaves as one component instance of one daprd does. */
export class Host {
  readonly #client: PubSubClient;
  readonly #metadata = new Metadata();

  constructor(socket: string, name = 'pubsub') {
    // A pool of its own: two hosts must not share a connection.
    this.#client = new PubSub(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
    });
    if (name !== '') this.#metadata.set('x-component-instance', name);
  }

  /** Any unary RPC. Rejects with grpc-js' ServiceError. */
  // biome-ignore lint/suspicious/noExplicitAny: each RPC has a response of its own
  call(method: Unary, request: object = {}): Promise<any> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response: unknown) =>
        error ? reject(error) : resolve(response);
      const invoke = this.#client[method] as (...args: unknown[]) => void;
      invoke.call(this.#client, request, this.#metadata, { deadline: Date.now() + 20_000 }, done);
    });
  }

  init(properties: Record<string, string>): Promise<void> {
    return this.call('Init', { metadata: { properties } });
  }

  publish(topic: string, data: string | Uint8Array, metadata: Record<string, string> = {}) {
    return this.call('Publish', { topic, data: Buffer.from(data), metadata, pubsubName: 'pubsub' });
  }

  subscribe(topic: string, metadata: Record<string, string> = {}): HostSubscription {
    const stream = this.#client.PullMessages(this.#metadata);
    stream.write({ topic: { name: topic, metadata } });
    return new HostSubscription(stream);
  }

  /** A stream on which nothing has been said yet. */
  rawStream(): ClientDuplexStream<PullMessagesRequest, DecodedPullMessagesResponse> {
    return this.#client.PullMessages(this.#metadata);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** One PullMessages stream. Collects what arrives; settles only when told to. */
export class HostSubscription {
  readonly messages: DecodedPullMessagesResponse[] = [];
  /** The status the stream ended with; undefined while it is open. */
  status: { code: number; details: string } | undefined;
  /** Called with each message. */
  onMessage: ((message: DecodedPullMessagesResponse) => void) | undefined;
  readonly #stream: ClientDuplexStream<PullMessagesRequest, DecodedPullMessagesResponse>;

  constructor(stream: ClientDuplexStream<PullMessagesRequest, DecodedPullMessagesResponse>) {
    this.#stream = stream;
    stream.on('data', (message) => {
      this.messages.push(message);
      this.onMessage?.(message);
    });
    stream.on('status', (status) => {
      this.status = status;
    });
    // 'status' tells the same.
    stream.on('error', () => undefined);
  }

  get texts(): string[] {
    return this.messages.map(({ data }) => data.toString());
  }

  ack(id: string): void {
    this.#stream.write({ ackMessageId: id });
  }

  nak(id: string, message = 'handler failed'): void {
    this.#stream.write({ ackMessageId: id, ackError: { message } });
  }

  ackAll(): void {
    this.onMessage = ({ id }) => this.ack(id);
    for (const { id } of this.messages) this.ack(id);
  }

  /** Waits for the n-th message. */
  async received(count: number, limit?: number): Promise<DecodedPullMessagesResponse[]> {
    const what = () => `${count} messages, got ${this.messages.length}`;
    await until(what, () => this.messages.length >= count, limit);
    return this.messages;
  }

  ended(): Promise<{ code: number; details: string }> {
    return until('the end of the stream', () => this.status);
  }

  /** Half-closes, as daprd does at its end. */
  end(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }
}
