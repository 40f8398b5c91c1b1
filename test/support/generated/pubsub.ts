import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AckMessageError as _dapr_proto_components_v1_AckMessageError, DecodedAckMessageError as Decoded_dapr_proto_components_v1_AckMessageError } from './dapr/proto/components/v1/AckMessageError.ts';
import type { BulkMessageEntry as _dapr_proto_components_v1_BulkMessageEntry, DecodedBulkMessageEntry as Decoded_dapr_proto_components_v1_BulkMessageEntry } from './dapr/proto/components/v1/BulkMessageEntry.ts';
import type { BulkPublishRequest as _dapr_proto_components_v1_BulkPublishRequest, DecodedBulkPublishRequest as Decoded_dapr_proto_components_v1_BulkPublishRequest } from './dapr/proto/components/v1/BulkPublishRequest.ts';
import type { BulkPublishResponse as _dapr_proto_components_v1_BulkPublishResponse, DecodedBulkPublishResponse as Decoded_dapr_proto_components_v1_BulkPublishResponse } from './dapr/proto/components/v1/BulkPublishResponse.ts';
import type { BulkPublishResponseFailedEntry as _dapr_proto_components_v1_BulkPublishResponseFailedEntry, DecodedBulkPublishResponseFailedEntry as Decoded_dapr_proto_components_v1_BulkPublishResponseFailedEntry } from './dapr/proto/components/v1/BulkPublishResponseFailedEntry.ts';
import type { FeaturesRequest as _dapr_proto_components_v1_FeaturesRequest, DecodedFeaturesRequest as Decoded_dapr_proto_components_v1_FeaturesRequest } from './dapr/proto/components/v1/FeaturesRequest.ts';
import type { FeaturesResponse as _dapr_proto_components_v1_FeaturesResponse, DecodedFeaturesResponse as Decoded_dapr_proto_components_v1_FeaturesResponse } from './dapr/proto/components/v1/FeaturesResponse.ts';
import type { MetadataRequest as _dapr_proto_components_v1_MetadataRequest, DecodedMetadataRequest as Decoded_dapr_proto_components_v1_MetadataRequest } from './dapr/proto/components/v1/MetadataRequest.ts';
import type { PauseRequest as _dapr_proto_components_v1_PauseRequest, DecodedPauseRequest as Decoded_dapr_proto_components_v1_PauseRequest } from './dapr/proto/components/v1/PauseRequest.ts';
import type { PauseResponse as _dapr_proto_components_v1_PauseResponse, DecodedPauseResponse as Decoded_dapr_proto_components_v1_PauseResponse } from './dapr/proto/components/v1/PauseResponse.ts';
import type { PingRequest as _dapr_proto_components_v1_PingRequest, DecodedPingRequest as Decoded_dapr_proto_components_v1_PingRequest } from './dapr/proto/components/v1/PingRequest.ts';
import type { PingResponse as _dapr_proto_components_v1_PingResponse, DecodedPingResponse as Decoded_dapr_proto_components_v1_PingResponse } from './dapr/proto/components/v1/PingResponse.ts';
import type { PubSubClient as _dapr_proto_components_v1_PubSubClient, PubSubDefinition as _dapr_proto_components_v1_PubSubDefinition } from './dapr/proto/components/v1/PubSub.ts';
import type { PubSubInitRequest as _dapr_proto_components_v1_PubSubInitRequest, DecodedPubSubInitRequest as Decoded_dapr_proto_components_v1_PubSubInitRequest } from './dapr/proto/components/v1/PubSubInitRequest.ts';
import type { PubSubInitResponse as _dapr_proto_components_v1_PubSubInitResponse, DecodedPubSubInitResponse as Decoded_dapr_proto_components_v1_PubSubInitResponse } from './dapr/proto/components/v1/PubSubInitResponse.ts';
import type { PublishRequest as _dapr_proto_components_v1_PublishRequest, DecodedPublishRequest as Decoded_dapr_proto_components_v1_PublishRequest } from './dapr/proto/components/v1/PublishRequest.ts';
import type { PublishResponse as _dapr_proto_components_v1_PublishResponse, DecodedPublishResponse as Decoded_dapr_proto_components_v1_PublishResponse } from './dapr/proto/components/v1/PublishResponse.ts';
import type { PullMessagesRequest as _dapr_proto_components_v1_PullMessagesRequest, DecodedPullMessagesRequest as Decoded_dapr_proto_components_v1_PullMessagesRequest } from './dapr/proto/components/v1/PullMessagesRequest.ts';
import type { PullMessagesResponse as _dapr_proto_components_v1_PullMessagesResponse, DecodedPullMessagesResponse as Decoded_dapr_proto_components_v1_PullMessagesResponse } from './dapr/proto/components/v1/PullMessagesResponse.ts';
import type { ResumeRequest as _dapr_proto_components_v1_ResumeRequest, DecodedResumeRequest as Decoded_dapr_proto_components_v1_ResumeRequest } from './dapr/proto/components/v1/ResumeRequest.ts';
import type { ResumeResponse as _dapr_proto_components_v1_ResumeResponse, DecodedResumeResponse as Decoded_dapr_proto_components_v1_ResumeResponse } from './dapr/proto/components/v1/ResumeResponse.ts';
import type { Topic as _dapr_proto_components_v1_Topic, DecodedTopic as Decoded_dapr_proto_components_v1_Topic } from './dapr/proto/components/v1/Topic.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  dapr: {
    proto: {
      components: {
        v1: {
          AckMessageError: MessageTypeDefinition<_dapr_proto_components_v1_AckMessageError, Decoded_dapr_proto_components_v1_AckMessageError>
          BulkMessageEntry: MessageTypeDefinition<_dapr_proto_components_v1_BulkMessageEntry, Decoded_dapr_proto_components_v1_BulkMessageEntry>
          BulkPublishRequest: MessageTypeDefinition<_dapr_proto_components_v1_BulkPublishRequest, Decoded_dapr_proto_components_v1_BulkPublishRequest>
          BulkPublishResponse: MessageTypeDefinition<_dapr_proto_components_v1_BulkPublishResponse, Decoded_dapr_proto_components_v1_BulkPublishResponse>
          BulkPublishResponseFailedEntry: MessageTypeDefinition<_dapr_proto_components_v1_BulkPublishResponseFailedEntry, Decoded_dapr_proto_components_v1_BulkPublishResponseFailedEntry>
          FeaturesRequest: MessageTypeDefinition<_dapr_proto_components_v1_FeaturesRequest, Decoded_dapr_proto_components_v1_FeaturesRequest>
          FeaturesResponse: MessageTypeDefinition<_dapr_proto_components_v1_FeaturesResponse, Decoded_dapr_proto_components_v1_FeaturesResponse>
          MetadataRequest: MessageTypeDefinition<_dapr_proto_components_v1_MetadataRequest, Decoded_dapr_proto_components_v1_MetadataRequest>
          PauseRequest: MessageTypeDefinition<_dapr_proto_components_v1_PauseRequest, Decoded_dapr_proto_components_v1_PauseRequest>
          PauseResponse: MessageTypeDefinition<_dapr_proto_components_v1_PauseResponse, Decoded_dapr_proto_components_v1_PauseResponse>
          PingRequest: MessageTypeDefinition<_dapr_proto_components_v1_PingRequest, Decoded_dapr_proto_components_v1_PingRequest>
          PingResponse: MessageTypeDefinition<_dapr_proto_components_v1_PingResponse, Decoded_dapr_proto_components_v1_PingResponse>
          PubSub: SubtypeConstructor<typeof grpc.Client, _dapr_proto_components_v1_PubSubClient> & { service: _dapr_proto_components_v1_PubSubDefinition }
          PubSubInitRequest: MessageTypeDefinition<_dapr_proto_components_v1_PubSubInitRequest, Decoded_dapr_proto_components_v1_PubSubInitRequest>
          PubSubInitResponse: MessageTypeDefinition<_dapr_proto_components_v1_PubSubInitResponse, Decoded_dapr_proto_components_v1_PubSubInitResponse>
          PublishRequest: MessageTypeDefinition<_dapr_proto_components_v1_PublishRequest, Decoded_dapr_proto_components_v1_PublishRequest>
          PublishResponse: MessageTypeDefinition<_dapr_proto_components_v1_PublishResponse, Decoded_dapr_proto_components_v1_PublishResponse>
          PullMessagesRequest: MessageTypeDefinition<_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesRequest>
          PullMessagesResponse: MessageTypeDefinition<_dapr_proto_components_v1_PullMessagesResponse, Decoded_dapr_proto_components_v1_PullMessagesResponse>
          ResumeRequest: MessageTypeDefinition<_dapr_proto_components_v1_ResumeRequest, Decoded_dapr_proto_components_v1_ResumeRequest>
          ResumeResponse: MessageTypeDefinition<_dapr_proto_components_v1_ResumeResponse, Decoded_dapr_proto_components_v1_ResumeResponse>
          Topic: MessageTypeDefinition<_dapr_proto_components_v1_Topic, Decoded_dapr_proto_components_v1_Topic>
        }
      }
    }
  }
}

