import type { ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Connection, Sessions } from '../component/sessions.ts';
import { withoutMessageId } from '../jetstream/message.ts';
import type { Logger } from '../log.ts';
import type { DecodedBulkPublishRequest } from './generated/dapr/proto/components/v1/BulkPublishRequest.ts';
import type { BulkPublishResponse } from './generated/dapr/proto/components/v1/BulkPublishResponse.ts';
import type { FeaturesResponse } from './generated/dapr/proto/components/v1/FeaturesResponse.ts';
import type { DecodedPublishRequest } from './generated/dapr/proto/components/v1/PublishRequest.ts';
import type { PubSubHandlers } from './generated/dapr/proto/components/v1/PubSub.ts';
import type { DecodedPubSubInitRequest } from './generated/dapr/proto/components/v1/PubSubInitRequest.ts';
import { type PullCall, servePullStream } from './pull-stream.ts';
import { toStatus } from './status.ts';

/** What the Features call answers: see fields.md and host.md for what each makes daprd do. */
export const features = ['BULK_PUBSUB', 'SUBSCRIBE_WILDCARDS'] as const;

/** The eight RPCs as one connection of a host sees them. */
export function createService(
  sessions: Sessions,
  connection: Connection,
  log: Logger,
): UntypedServiceImplementation {
  const instanceOf = (call: Call) => sessions.find(connection, componentOf(call));
  /** What is there needs no waiting for: most calls. */
  const inUse = (call: Call) => sessions.inUse(connection, componentOf(call));

  const unary =
    <Request, Response>(answer: (request: Request, call: Call) => Promise<Response> | Response) =>
    async (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
      try {
        callback(null, await answer(call.request, call));
      } catch (error) {
        callback(toStatus(error, log));
      }
    };

  const handlers: PubSubHandlers = {
    Init: unary(async ({ metadata }: DecodedPubSubInitRequest, call) => {
      await sessions.init(connection, componentOf(call), metadata?.properties ?? {});
      return {};
    }),
    Features: unary((): FeaturesResponse => ({ features: [...features] })),
    Publish: unary(async ({ topic, data, metadata, contentType }: DecodedPublishRequest, call) => {
      const instance = inUse(call) ?? (await instanceOf(call));
      await instance.publish(topic, { data, metadata, contentType });
      return {};
    }),
    BulkPublish: unary(async (request: DecodedBulkPublishRequest, call) => {
      const instance = inUse(call) ?? (await instanceOf(call));
      const shared = withoutMessageId(request.metadata);
      const shares = Object.keys(shared).length > 0;
      const messages = request.entries.map(({ event, metadata, contentType }) => ({
        data: event,
        metadata: shares ? { ...shared, ...metadata } : metadata,
        contentType,
      }));
      const errors = await instance.bulkPublish(request.topic, messages);
      const response: BulkPublishResponse = { failedEntries: [] };
      for (const [index, error] of errors) {
        const entryId = request.entries[index]?.entryId ?? '';
        response.failedEntries?.push({ entryId, error: error.message });
      }
      return response;
    }),
    PullMessages: (call) => servePullStream(call as PullCall, () => instanceOf(call), log),
    Ping: unary(() => ({})),
    Pause: unary(async (_, call) => {
      (await instanceOf(call)).pause();
      return {};
    }),
    Resume: unary(async (_, call) => {
      (await instanceOf(call)).resume();
      return {};
    }),
  };
  return handlers as unknown as UntypedServiceImplementation;
}

interface Call {
  metadata: { get(key: string): (string | Buffer)[] };
}

/**
 * The Component's name; empty for a caller that sends none (grpcurl, say).
 *
 * A call that daprd makes while it handles a message (a dead letter) carries the name of the
 * message's Component too, before its own; HTTP/2 for Node joins the two with a comma.
 */
function componentOf(call: Call): string {
  const names = call.metadata.get('x-component-instance').join(',').split(',');
  return names.at(-1)?.trim() ?? '';
}
