// Original file: proto/pubsub.proto


export interface BulkMessageEntry {
  'entryId'?: (string);
  'event'?: (Buffer | Uint8Array | string);
  'contentType'?: (string);
  'metadata'?: ({[key: string]: string});
}

export interface DecodedBulkMessageEntry {
  'entryId': (string);
  'event': (Buffer);
  'contentType': (string);
  'metadata': ({[key: string]: string});
}
