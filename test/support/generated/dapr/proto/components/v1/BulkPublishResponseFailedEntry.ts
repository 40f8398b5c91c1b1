// Original file: proto/pubsub.proto


export interface BulkPublishResponseFailedEntry {
  'entryId'?: (string);
  'error'?: (string);
}

export interface DecodedBulkPublishResponseFailedEntry {
  'entryId': (string);
  'error': (string);
}
