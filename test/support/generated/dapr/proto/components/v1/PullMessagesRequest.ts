// Original file: proto/pubsub.proto

import type { Topic as _dapr_proto_components_v1_Topic, DecodedTopic as Decoded_dapr_proto_components_v1_Topic } from '../../../../dapr/proto/components/v1/Topic.ts';
import type { AckMessageError as _dapr_proto_components_v1_AckMessageError, DecodedAckMessageError as Decoded_dapr_proto_components_v1_AckMessageError } from '../../../../dapr/proto/components/v1/AckMessageError.ts';

export interface PullMessagesRequest {
  'topic'?: (_dapr_proto_components_v1_Topic | null);
  'ackMessageId'?: (string);
  'ackError'?: (_dapr_proto_components_v1_AckMessageError | null);
}

export interface DecodedPullMessagesRequest {
  'topic': (Decoded_dapr_proto_components_v1_Topic | null);
  'ackMessageId': (string);
  'ackError': (Decoded_dapr_proto_components_v1_AckMessageError | null);
}
