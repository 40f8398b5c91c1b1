// Original file: proto/pubsub.proto

import type { BulkPublishResponseFailedEntry as _dapr_proto_components_v1_BulkPublishResponseFailedEntry, DecodedBulkPublishResponseFailedEntry as Decoded_dapr_proto_components_v1_BulkPublishResponseFailedEntry } from '../../../../dapr/proto/components/v1/BulkPublishResponseFailedEntry.ts';

export interface BulkPublishResponse {
  'failedEntries'?: (_dapr_proto_components_v1_BulkPublishResponseFailedEntry)[];
}

export interface DecodedBulkPublishResponse {
  'failedEntries': (Decoded_dapr_proto_components_v1_BulkPublishResponseFailedEntry)[];
}
