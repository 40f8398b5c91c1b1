// Original file: proto/pubsub.proto


export interface FeaturesRequest {
}

export interface DecodedFeaturesRequest {
}
