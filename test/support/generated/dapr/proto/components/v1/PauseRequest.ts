// Original file: proto/pubsub.proto


export interface PauseRequest {
}

export interface DecodedPauseRequest {
}
