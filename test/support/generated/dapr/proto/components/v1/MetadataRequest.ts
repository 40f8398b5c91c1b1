// Original file: proto/pubsub.proto


export interface MetadataRequest {
  'properties'?: ({[key: string]: string});
}

export interface DecodedMetadataRequest {
  'properties': ({[key: string]: string});
}
