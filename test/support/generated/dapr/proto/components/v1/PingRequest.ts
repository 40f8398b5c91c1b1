// Original file: proto/pubsub.proto


export interface PingRequest {
}

export interface DecodedPingRequest {
}
