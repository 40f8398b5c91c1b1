// Original file: proto/pubsub.proto


export interface PauseResponse {
}

export interface DecodedPauseResponse {
}
