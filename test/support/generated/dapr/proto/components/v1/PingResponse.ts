// Original file: proto/pubsub.proto


export interface PingResponse {
}

export interface DecodedPingResponse {
}
