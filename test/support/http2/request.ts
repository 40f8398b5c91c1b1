import type { Header } from './hpack.ts';

/** The status codes of gRPC by number. */
const statusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** The headers that grpc-go sends, in its order. */
export function requestHeaders(path: string, more: readonly Header[] = []): Header[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.80.0'],
    ['te', 'trailers'],
    ...more,
  ];
}

/** What the server has sent on one stream. */
export class ReceivedStream {
  headers: Header[] | undefined;
  trailers: Header[] | undefined;
  readonly #parts: Buffer[] = [];
  /** Bytes of DATA. */
  received = 0;
  ended = false;

  get data(): Buffer {
    return Buffer.concat(this.#parts);
  }

  add(part: Buffer): void {
    this.#parts.push(part);
    this.received += part.length;
  }

  /** Returns the value of a header or trailer, the trailer first. */
  value(name: string): string | undefined {
    const all = [...(this.trailers ?? []), ...(this.headers ?? [])];
    return all.find(([key]) => key === name)?.[1];
  }

  /** `OK`, the name of another gRPC status, or the HTTP status where that is not 200. */
  get outcome(): string {
    const http = this.value(':status');
    if (http !== '200') return `HTTP ${http}`;
    const status = this.value('grpc-status');
    return statusNames[Number(status ?? 'none')] ?? `grpc-status ${status}`;
  }
}
