// Original file: proto/pubsub.proto

import type { MetadataRequest as _dapr_proto_components_v1_MetadataRequest, DecodedMetadataRequest as Decoded_dapr_proto_components_v1_MetadataRequest } from '../../../../dapr/proto/components/v1/MetadataRequest.ts';

export interface PubSubInitRequest {
  'metadata'?: (_dapr_proto_components_v1_MetadataRequest | null);
}

export interface DecodedPubSubInitRequest {
  'metadata': (Decoded_dapr_proto_components_v1_MetadataRequest | null);
}
