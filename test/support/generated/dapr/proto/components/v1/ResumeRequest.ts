// Original file: proto/pubsub.proto


export interface ResumeRequest {
}

export interface DecodedResumeRequest {
}
