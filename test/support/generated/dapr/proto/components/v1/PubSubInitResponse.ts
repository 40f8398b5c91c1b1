// Original file: proto/pubsub.proto


export interface PubSubInitResponse {
}

export interface DecodedPubSubInitResponse {
}
