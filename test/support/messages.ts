import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** The contract, read by protobufjs: the tests do not depend on the server's own encoder. */
const contract = protobuf.loadSync(
  fileURLToPath(new URL('../../proto/pubsub.proto', import.meta.url)),
);

function encode(type: string, fields: object): Uint8Array {
  const message = contract.lookupType(`dapr.proto.components.v1.${type}`);
  return message.encode(message.fromObject(fields)).finish();
}

export function initRequest(properties: Record<string, string>): Uint8Array {
  return encode('PubSubInitRequest', { metadata: { properties } });
}

export function publishRequest(
  topic: string,
  data: Uint8Array,
  metadata: Record<string, string> = {},
): Uint8Array {
  return encode('PublishRequest', { topic, data, metadata, pubsubName: 'pubsub' });
}

/** Returns a BulkPublish with `count` equal messages. */
export function bulkRequest(topic: string, count: number, event = Buffer.alloc(0)): Uint8Array {
  const entries = Array<object>(count).fill(event.length > 0 ? { event } : {});
  return encode('BulkPublishRequest', { topic, entries, pubsubName: 'pubsub' });
}

/** The first request of a PullMessages stream, or an acknowledgement. */
export function pullRequest(
  fields: { topic: string; metadata?: Record<string, string> } | { ackMessageId: string },
): Uint8Array {
  if ('ackMessageId' in fields) return encode('PullMessagesRequest', fields);
  const { topic: name, metadata = {} } = fields;
  return encode('PullMessagesRequest', { topic: { name, metadata } });
}
