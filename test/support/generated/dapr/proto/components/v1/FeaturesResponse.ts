// Original file: proto/pubsub.proto


export interface FeaturesResponse {
  'features'?: (string)[];
}

export interface DecodedFeaturesResponse {
  'features': (string)[];
}
