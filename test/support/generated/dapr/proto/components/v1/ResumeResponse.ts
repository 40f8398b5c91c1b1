// Original file: proto/pubsub.proto


export interface ResumeResponse {
}

export interface DecodedResumeResponse {
}
