/** The status codes of gRPC, by their names in the gRPC documentation. */
export const code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type Code = (typeof code)[keyof typeof code];

/** How a call ends. */
export interface Status {
  code: Code;
  /** For a person; any text. */
  message?: string;
  /** Metadata that is sent after the last message. */
  trailers?: MetadataEntries;
}

/** Names in lower case with their values; a name that ends in `-bin` has bytes. */
export type MetadataEntries = readonly (readonly [name: string, value: string | Uint8Array])[];

/** Ends a call with a status. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status) {
    super(status.message);
    this.status = status;
  }
}
