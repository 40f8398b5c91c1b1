// Original file: proto/pubsub.proto


export interface PullMessagesResponse {
  'data'?: (Buffer | Uint8Array | string);
  'topicName'?: (string);
  'metadata'?: ({[key: string]: string});
  'contentType'?: (string);
  'id'?: (string);
}

export interface DecodedPullMessagesResponse {
  'data': (Buffer);
  'topicName': (string);
  'metadata': ({[key: string]: string});
  'contentType': (string);
  'id': (string);
}
