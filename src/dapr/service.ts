import type { Connection, Sessions } from '../component/sessions.ts';
import type { Codec } from '../grpc/codec.ts';
import type { Metadata, Method, UnaryCall, UnaryMethod } from '../grpc/method.ts';
import { withoutMessageId } from '../jetstream/message.ts';
import type { Logger } from '../log.ts';
import {
  type BulkPublishRequest,
  type BulkPublishResponse,
  bulkPublishRequest,
  bulkPublishResponse,
  type Empty,
  empty,
  featuresResponse,
  type InitRequest,
  initRequest,
  type PublishRequest,
  publishRequest,
  pullMessagesRequest,
  pullMessagesResponse,
} from './messages.ts';
import { type PullCall, servePullStream } from './pull-stream.ts';
import { toStatus } from './status.ts';

/**
 * What the Features call answers. BULK_PUBSUB makes daprd call BulkPublish, and SUBSCRIBE_WILDCARDS says that the topic
 * of a subscription may have wildcards.
 */
export const features = ['BULK_PUBSUB', 'SUBSCRIBE_WILDCARDS'] as const;

const service = '/dapr.proto.components.v1.PubSub';

type Call<Response> = UnaryCall<Response, Connection>;

const nothing: Empty = {};

/** The eight RPCs. A call belongs to the connection of the daprd that makes it. */
export function pubSubMethods(sessions: Sessions, log: Logger): Method<Connection>[] {
  const find = (call: PeerCall) => sessions.find(call.peer, componentOf(call.metadata));
  /** Returns the instance without waiting, if it is in use already. That is so in nearly every call. */
  const inUse = (call: PeerCall) => sessions.inUse(call.peer, componentOf(call.metadata));

  const unary = <Request, Response>(
    name: string,
    request: Codec<Request>,
    response: Codec<Response>,
    answer: (request: Request, call: Call<Response>) => Promise<Response> | Response,
  ): UnaryMethod<Request, Response, Connection> => ({
    kind: 'unary',
    path: `${service}/${name}`,
    request,
    response,
    handle: async (request, call) => {
      try {
        call.answer(await answer(request, call));
      } catch (error) {
        call.fail(toStatus(error, log));
      }
    },
  });

  const publish: UnaryMethod<PublishRequest, Empty, Connection> = {
    kind: 'unary',
    path: `${service}/Publish`,
    request: publishRequest,
    response: empty,
    // Without a promise, which would cost as much as the rest of the call.
    handle: (request, call) => {
      const done = (error?: unknown) => {
        if (error === undefined) call.answer(nothing);
        else call.fail(toStatus(error, log));
      };
      const instance = inUse(call);
      if (instance) instance.publish(request.topic, request, done);
      else
        find(call)
          .then((found) => found.publish(request.topic, request, done))
          .catch(done);
    },
  };

  const bulkPublish = async (request: BulkPublishRequest, call: Call<BulkPublishResponse>) => {
    const instance = inUse(call) ?? (await find(call));
    const shared = withoutMessageId(request.metadata);
    const shares = Object.keys(shared).length > 0;
    const messages = request.entries.map(({ event, metadata, contentType }) => ({
      data: event,
      metadata: shares ? { ...shared, ...metadata } : metadata,
      contentType,
    }));
    const errors = await instance.bulkPublish(request.topic, messages);
    const failedEntries = [...errors].map(([index, { message }]) => ({
      entryId: request.entries[index]?.entryId ?? '',
      error: message,
    }));
    return { failedEntries };
  };

  return [
    unary('Init', initRequest, empty, async ({ metadata }: InitRequest, call) => {
      await sessions.init(call.peer, componentOf(call.metadata), metadata?.properties ?? {});
      return nothing;
    }),
    unary('Features', empty, featuresResponse, () => ({ features: [...features] })),
    publish,
    unary('BulkPublish', bulkPublishRequest, bulkPublishResponse, bulkPublish),
    {
      kind: 'streaming',
      path: `${service}/PullMessages`,
      request: pullMessagesRequest,
      response: pullMessagesResponse,
      handle: (call: PullCall) => void servePullStream(call, () => find(call), log),
    },
    unary('Ping', empty, empty, () => nothing),
    unary('Pause', empty, empty, async (_, call) => {
      (await find(call)).pause();
      return nothing;
    }),
    unary('Resume', empty, empty, async (_, call) => {
      (await find(call)).resume();
      return nothing;
    }),
  ];
}

interface PeerCall {
  readonly peer: Connection;
  readonly metadata: Metadata;
}

/**
 * Returns the Component's name; '' for a caller that sends none (grpcurl, say).
 *
 * A call that daprd makes while it handles a message (a dead letter) carries the name of the message's Component
 * too, before its own.
 */
function componentOf(metadata: Metadata): string {
  const names = `${metadata.get('x-component-instance').at(-1) ?? ''}`;
  return names.slice(names.lastIndexOf(',') + 1).trim();
}
