// Original file: proto/pubsub.proto


export interface AckMessageError {
  'message'?: (string);
}

export interface DecodedAckMessageError {
  'message': (string);
}
