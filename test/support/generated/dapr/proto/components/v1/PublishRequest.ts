// Original file: proto/pubsub.proto


export interface PublishRequest {
  'data'?: (Buffer | Uint8Array | string);
  'pubsubName'?: (string);
  'topic'?: (string);
  'metadata'?: ({[key: string]: string});
  'contentType'?: (string);
}

export interface DecodedPublishRequest {
  'data': (Buffer);
  'pubsubName': (string);
  'topic': (string);
  'metadata': ({[key: string]: string});
  'contentType': (string);
}
