// Original file: proto/pubsub.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BulkPublishRequest as _dapr_proto_components_v1_BulkPublishRequest, DecodedBulkPublishRequest as Decoded_dapr_proto_components_v1_BulkPublishRequest } from '../../../../dapr/proto/components/v1/BulkPublishRequest.ts';
import type { BulkPublishResponse as _dapr_proto_components_v1_BulkPublishResponse, DecodedBulkPublishResponse as Decoded_dapr_proto_components_v1_BulkPublishResponse } from '../../../../dapr/proto/components/v1/BulkPublishResponse.ts';
import type { FeaturesRequest as _dapr_proto_components_v1_FeaturesRequest, DecodedFeaturesRequest as Decoded_dapr_proto_components_v1_FeaturesRequest } from '../../../../dapr/proto/components/v1/FeaturesRequest.ts';
import type { FeaturesResponse as _dapr_proto_components_v1_FeaturesResponse, DecodedFeaturesResponse as Decoded_dapr_proto_components_v1_FeaturesResponse } from '../../../../dapr/proto/components/v1/FeaturesResponse.ts';
import type { PauseRequest as _dapr_proto_components_v1_PauseRequest, DecodedPauseRequest as Decoded_dapr_proto_components_v1_PauseRequest } from '../../../../dapr/proto/components/v1/PauseRequest.ts';
import type { PauseResponse as _dapr_proto_components_v1_PauseResponse, DecodedPauseResponse as Decoded_dapr_proto_components_v1_PauseResponse } from '../../../../dapr/proto/components/v1/PauseResponse.ts';
import type { PingRequest as _dapr_proto_components_v1_PingRequest, DecodedPingRequest as Decoded_dapr_proto_components_v1_PingRequest } from '../../../../dapr/proto/components/v1/PingRequest.ts';
import type { PingResponse as _dapr_proto_components_v1_PingResponse, DecodedPingResponse as Decoded_dapr_proto_components_v1_PingResponse } from '../../../../dapr/proto/components/v1/PingResponse.ts';
import type { PubSubInitRequest as _dapr_proto_components_v1_PubSubInitRequest, DecodedPubSubInitRequest as Decoded_dapr_proto_components_v1_PubSubInitRequest } from '../../../../dapr/proto/components/v1/PubSubInitRequest.ts';
import type { PubSubInitResponse as _dapr_proto_components_v1_PubSubInitResponse, DecodedPubSubInitResponse as Decoded_dapr_proto_components_v1_PubSubInitResponse } from '../../../../dapr/proto/components/v1/PubSubInitResponse.ts';
import type { PublishRequest as _dapr_proto_components_v1_PublishRequest, DecodedPublishRequest as Decoded_dapr_proto_components_v1_PublishRequest } from '../../../../dapr/proto/components/v1/PublishRequest.ts';
import type { PublishResponse as _dapr_proto_components_v1_PublishResponse, DecodedPublishResponse as Decoded_dapr_proto_components_v1_PublishResponse } from '../../../../dapr/proto/components/v1/PublishResponse.ts';
import type { PullMessagesRequest as _dapr_proto_components_v1_PullMessagesRequest, DecodedPullMessagesRequest as Decoded_dapr_proto_components_v1_PullMessagesRequest } from '../../../../dapr/proto/components/v1/PullMessagesRequest.ts';
import type { PullMessagesResponse as _dapr_proto_components_v1_PullMessagesResponse, DecodedPullMessagesResponse as Decoded_dapr_proto_components_v1_PullMessagesResponse } from '../../../../dapr/proto/components/v1/PullMessagesResponse.ts';
import type { ResumeRequest as _dapr_proto_components_v1_ResumeRequest, DecodedResumeRequest as Decoded_dapr_proto_components_v1_ResumeRequest } from '../../../../dapr/proto/components/v1/ResumeRequest.ts';
import type { ResumeResponse as _dapr_proto_components_v1_ResumeResponse, DecodedResumeResponse as Decoded_dapr_proto_components_v1_ResumeResponse } from '../../../../dapr/proto/components/v1/ResumeResponse.ts';

export interface PubSubClient extends grpc.Client {
  BulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  BulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  BulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  BulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  bulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  bulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  bulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  bulkPublish(argument: _dapr_proto_components_v1_BulkPublishRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_BulkPublishResponse>): grpc.ClientUnaryCall;
  
  Features(argument: _dapr_proto_components_v1_FeaturesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  Features(argument: _dapr_proto_components_v1_FeaturesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  Features(argument: _dapr_proto_components_v1_FeaturesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  Features(argument: _dapr_proto_components_v1_FeaturesRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  features(argument: _dapr_proto_components_v1_FeaturesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  features(argument: _dapr_proto_components_v1_FeaturesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  features(argument: _dapr_proto_components_v1_FeaturesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  features(argument: _dapr_proto_components_v1_FeaturesRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_FeaturesResponse>): grpc.ClientUnaryCall;
  
  Init(argument: _dapr_proto_components_v1_PubSubInitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  Init(argument: _dapr_proto_components_v1_PubSubInitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  Init(argument: _dapr_proto_components_v1_PubSubInitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  Init(argument: _dapr_proto_components_v1_PubSubInitRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  init(argument: _dapr_proto_components_v1_PubSubInitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  init(argument: _dapr_proto_components_v1_PubSubInitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  init(argument: _dapr_proto_components_v1_PubSubInitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  init(argument: _dapr_proto_components_v1_PubSubInitRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PubSubInitResponse>): grpc.ClientUnaryCall;
  
  Pause(argument: _dapr_proto_components_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  Pause(argument: _dapr_proto_components_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  Pause(argument: _dapr_proto_components_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  Pause(argument: _dapr_proto_components_v1_PauseRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  pause(argument: _dapr_proto_components_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  pause(argument: _dapr_proto_components_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  pause(argument: _dapr_proto_components_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  pause(argument: _dapr_proto_components_v1_PauseRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PauseResponse>): grpc.ClientUnaryCall;
  
  Ping(argument: _dapr_proto_components_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  Ping(argument: _dapr_proto_components_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  Ping(argument: _dapr_proto_components_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  Ping(argument: _dapr_proto_components_v1_PingRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  ping(argument: _dapr_proto_components_v1_PingRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  ping(argument: _dapr_proto_components_v1_PingRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  ping(argument: _dapr_proto_components_v1_PingRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  ping(argument: _dapr_proto_components_v1_PingRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PingResponse>): grpc.ClientUnaryCall;
  
  Publish(argument: _dapr_proto_components_v1_PublishRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  Publish(argument: _dapr_proto_components_v1_PublishRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  Publish(argument: _dapr_proto_components_v1_PublishRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  Publish(argument: _dapr_proto_components_v1_PublishRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  publish(argument: _dapr_proto_components_v1_PublishRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  publish(argument: _dapr_proto_components_v1_PublishRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  publish(argument: _dapr_proto_components_v1_PublishRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  publish(argument: _dapr_proto_components_v1_PublishRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_PublishResponse>): grpc.ClientUnaryCall;
  
  PullMessages(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesResponse>;
  PullMessages(options?: grpc.CallOptions): grpc.ClientDuplexStream<_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesResponse>;
  pullMessages(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesResponse>;
  pullMessages(options?: grpc.CallOptions): grpc.ClientDuplexStream<_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesResponse>;
  
  Resume(argument: _dapr_proto_components_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  Resume(argument: _dapr_proto_components_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  Resume(argument: _dapr_proto_components_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  Resume(argument: _dapr_proto_components_v1_ResumeRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  resume(argument: _dapr_proto_components_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  resume(argument: _dapr_proto_components_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  resume(argument: _dapr_proto_components_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  resume(argument: _dapr_proto_components_v1_ResumeRequest, callback: grpc.requestCallback<Decoded_dapr_proto_components_v1_ResumeResponse>): grpc.ClientUnaryCall;
  
}

export interface PubSubHandlers extends grpc.UntypedServiceImplementation {
  BulkPublish: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_BulkPublishRequest, _dapr_proto_components_v1_BulkPublishResponse>;
  
  Features: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_FeaturesRequest, _dapr_proto_components_v1_FeaturesResponse>;
  
  Init: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_PubSubInitRequest, _dapr_proto_components_v1_PubSubInitResponse>;
  
  Pause: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_PauseRequest, _dapr_proto_components_v1_PauseResponse>;
  
  Ping: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_PingRequest, _dapr_proto_components_v1_PingResponse>;
  
  Publish: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_PublishRequest, _dapr_proto_components_v1_PublishResponse>;
  
  PullMessages: grpc.handleBidiStreamingCall<Decoded_dapr_proto_components_v1_PullMessagesRequest, _dapr_proto_components_v1_PullMessagesResponse>;
  
  Resume: grpc.handleUnaryCall<Decoded_dapr_proto_components_v1_ResumeRequest, _dapr_proto_components_v1_ResumeResponse>;
  
}

export interface PubSubDefinition extends grpc.ServiceDefinition {
  BulkPublish: MethodDefinition<_dapr_proto_components_v1_BulkPublishRequest, _dapr_proto_components_v1_BulkPublishResponse, Decoded_dapr_proto_components_v1_BulkPublishRequest, Decoded_dapr_proto_components_v1_BulkPublishResponse>
  Features: MethodDefinition<_dapr_proto_components_v1_FeaturesRequest, _dapr_proto_components_v1_FeaturesResponse, Decoded_dapr_proto_components_v1_FeaturesRequest, Decoded_dapr_proto_components_v1_FeaturesResponse>
  Init: MethodDefinition<_dapr_proto_components_v1_PubSubInitRequest, _dapr_proto_components_v1_PubSubInitResponse, Decoded_dapr_proto_components_v1_PubSubInitRequest, Decoded_dapr_proto_components_v1_PubSubInitResponse>
  Pause: MethodDefinition<_dapr_proto_components_v1_PauseRequest, _dapr_proto_components_v1_PauseResponse, Decoded_dapr_proto_components_v1_PauseRequest, Decoded_dapr_proto_components_v1_PauseResponse>
  Ping: MethodDefinition<_dapr_proto_components_v1_PingRequest, _dapr_proto_components_v1_PingResponse, Decoded_dapr_proto_components_v1_PingRequest, Decoded_dapr_proto_components_v1_PingResponse>
  Publish: MethodDefinition<_dapr_proto_components_v1_PublishRequest, _dapr_proto_components_v1_PublishResponse, Decoded_dapr_proto_components_v1_PublishRequest, Decoded_dapr_proto_components_v1_PublishResponse>
  PullMessages: MethodDefinition<_dapr_proto_components_v1_PullMessagesRequest, _dapr_proto_components_v1_PullMessagesResponse, Decoded_dapr_proto_components_v1_PullMessagesRequest, Decoded_dapr_proto_components_v1_PullMessagesResponse>
  Resume: MethodDefinition<_dapr_proto_components_v1_ResumeRequest, _dapr_proto_components_v1_ResumeResponse, Decoded_dapr_proto_components_v1_ResumeRequest, Decoded_dapr_proto_components_v1_ResumeResponse>
}
