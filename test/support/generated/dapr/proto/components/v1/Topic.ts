// Original file: proto/pubsub.proto


export interface Topic {
  'name'?: (string);
  'metadata'?: ({[key: string]: string});
}

export interface DecodedTopic {
  'name': (string);
  'metadata': ({[key: string]: string});
}
