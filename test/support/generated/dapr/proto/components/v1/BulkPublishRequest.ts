// Original file: proto/pubsub.proto

import type { BulkMessageEntry as _dapr_proto_components_v1_BulkMessageEntry, DecodedBulkMessageEntry as Decoded_dapr_proto_components_v1_BulkMessageEntry } from '../../../../dapr/proto/components/v1/BulkMessageEntry.ts';

export interface BulkPublishRequest {
  'entries'?: (_dapr_proto_components_v1_BulkMessageEntry)[];
  'pubsubName'?: (string);
  'topic'?: (string);
  'metadata'?: ({[key: string]: string});
}

export interface DecodedBulkPublishRequest {
  'entries': (Decoded_dapr_proto_components_v1_BulkMessageEntry)[];
  'pubsubName': (string);
  'topic': (string);
  'metadata': ({[key: string]: string});
}
