/**
 * The messages of proto/pubsub.proto as daprd sends and expects them. Fields have the numbers of that file.
 *
 * Those that daprd sends or gets for each message of an app have code written by hand.
 */
import { bytes, noBytes, text, textList } from '../protobuf/field.ts';
import {
  type MessageType,
  message,
  messageField,
  messageList,
  readMessage,
} from '../protobuf/message.ts';
import { readEntry, textMap } from '../protobuf/text-map.ts';

/** A message without fields, which many calls have. */
export type Empty = Record<never, never>;

export const empty = message<Empty>({});

/** The metadata of a Component. */
export interface MetadataRequest {
  properties: Record<string, string>;
}

export interface InitRequest {
  metadata: MetadataRequest | undefined;
}

export const initRequest = message<InitRequest>({
  metadata: messageField(1, message<MetadataRequest>({ properties: textMap(1) })),
});

export interface FeaturesResponse {
  features: string[];
}

export const featuresResponse = message<FeaturesResponse>({ features: textList(1) });

export interface PublishRequest {
  data: Uint8Array;
  pubsubName: string;
  topic: string;
  metadata: Record<string, string>;
  contentType: string;
}

const publish = message<PublishRequest>(
  {
    data: bytes(1),
    pubsubName: text(2),
    topic: text(3),
    metadata: textMap(4),
    contentType: text(5),
  },
  {
    create: () => ({ data: noBytes, pubsubName: '', topic: '', metadata: {}, contentType: '' }),
    read(reader, message) {
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
        if (tag === 0x0a) message.data = reader.bytes();
        else if (tag === 0x12) message.pubsubName = reader.name();
        else if (tag === 0x1a) message.topic = reader.name();
        else if (tag === 0x22) readEntry(reader, message.metadata);
        else if (tag === 0x2a) message.contentType = reader.name();
        else reader.skip(tag);
      }
    },
  },
);

export const publishRequest: MessageType<PublishRequest> = {
  ...publish,
  decode(bytes, start, end) {
    const request = publish.decode(bytes, start, end);
    request.data = ofItsOwn(request.data, end - start);
    return request;
  },
};

/**
 * Returns the data as it is, or a copy where it is the smaller part of its request. It waits for NATS, and a view would
 * keep the whole request meanwhile, which no limit counts.
 */
function ofItsOwn(data: Uint8Array, size: number): Uint8Array {
  return data.length > 0 && data.length * 2 < size ? Buffer.from(data) : data;
}

export interface BulkMessageEntry {
  entryId: string;
  event: Uint8Array;
  contentType: string;
  metadata: Record<string, string>;
}

const bulkMessageEntry = message<BulkMessageEntry>(
  { entryId: text(1), event: bytes(2), contentType: text(3), metadata: textMap(4) },
  {
    create: () => ({ entryId: '', event: noBytes, contentType: '', metadata: {} }),
    read(reader, message) {
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
        if (tag === 0x0a) message.entryId = reader.string();
        else if (tag === 0x12) message.event = reader.bytes();
        else if (tag === 0x1a) message.contentType = reader.name();
        else if (tag === 0x22) readEntry(reader, message.metadata);
        else reader.skip(tag);
      }
    },
  },
);

export interface BulkPublishRequest {
  entries: BulkMessageEntry[];
  pubsubName: string;
  topic: string;
  metadata: Record<string, string>;
}

const bulkPublish = message<BulkPublishRequest>({
  entries: messageList(1, bulkMessageEntry),
  pubsubName: text(2),
  topic: text(3),
  metadata: textMap(4),
});

export const bulkPublishRequest: MessageType<BulkPublishRequest> = {
  ...bulkPublish,
  decode(bytes, start, end) {
    const request = bulkPublish.decode(bytes, start, end);
    const share = (end - start) / Math.max(request.entries.length, 1);
    for (const entry of request.entries) entry.event = ofItsOwn(entry.event, share);
    return request;
  },
};

export interface FailedEntry {
  entryId: string;
  error: string;
}

export interface BulkPublishResponse {
  failedEntries: FailedEntry[];
}

export const bulkPublishResponse = message<BulkPublishResponse>({
  failedEntries: messageList(1, message<FailedEntry>({ entryId: text(1), error: text(2) })),
});

export interface Topic {
  name: string;
  metadata: Record<string, string>;
}

export interface AckMessageError {
  message: string;
}

export interface PullMessagesRequest {
  topic: Topic | undefined;
  ackMessageId: string;
  ackError: AckMessageError | undefined;
}

const topic = message<Topic>({ name: text(1), metadata: textMap(2) });
const ackMessageError = message<AckMessageError>({ message: text(1) });

export const pullMessagesRequest = message<PullMessagesRequest>(
  {
    topic: messageField(1, topic),
    ackMessageId: text(2),
    ackError: messageField(3, ackMessageError),
  },
  {
    create: () => ({ topic: undefined, ackMessageId: '', ackError: undefined }),
    read(reader, message) {
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
        if (tag === 0x12) message.ackMessageId = reader.string();
        else if (tag === 0x1a) {
          message.ackError = readMessage(
            reader,
            ackMessageError,
            message.ackError ?? { message: '' },
          );
        } else if (tag === 0x0a) {
          message.topic = readMessage(reader, topic, message.topic ?? topic.create());
        } else reader.skip(tag);
      }
    },
  },
);

export interface PullMessagesResponse {
  data: Uint8Array;
  topicName: string;
  metadata: Record<string, string>;
  contentType: string;
  id: string;
}

const pulled = {
  data: bytes(1),
  topicName: text(2),
  metadata: textMap(3),
  contentType: text(4),
  id: text(5),
};

export const pullMessagesResponse = message<PullMessagesResponse>(pulled, {
  size: ({ data, topicName, metadata, contentType, id }) =>
    pulled.data.size(data) +
    pulled.topicName.size(topicName) +
    pulled.metadata.size(metadata) +
    pulled.contentType.size(contentType) +
    pulled.id.size(id),
  write({ data, topicName, metadata, contentType, id }, target, at) {
    let end = pulled.data.write(target, at, data);
    end = pulled.topicName.write(target, end, topicName);
    end = pulled.metadata.write(target, end, metadata);
    end = pulled.contentType.write(target, end, contentType);
    return pulled.id.write(target, end, id);
  },
});
