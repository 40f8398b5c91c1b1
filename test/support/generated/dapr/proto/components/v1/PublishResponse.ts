// Original file: proto/pubsub.proto


export interface PublishResponse {
}

export interface DecodedPublishResponse {
}
