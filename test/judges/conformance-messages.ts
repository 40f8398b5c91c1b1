import { join } from 'node:path';
import { type Codec, encode } from '../../src/grpc/codec.ts';
import type { Metadata } from '../../src/grpc/method.ts';
import { type Code, code, type MetadataEntries, type Status } from '../../src/grpc/status.ts';
import { protobufCodecs } from '../support/protobuf-codec.ts';

/** protobufjs does not rename the fields of the types that it brings. */
export interface Any {
  type_url: string;
  value: Uint8Array;
}

export interface Header {
  name: string;
  value: string[];
}

export interface ErrorDefinition {
  code: number;
  message?: string;
  details: Any[];
}

export interface UnaryDefinition {
  responseHeaders: Header[];
  responseData: Uint8Array;
  error: ErrorDefinition | null;
  responseTrailers: Header[];
  responseDelayMs: number;
}

export interface StreamDefinition {
  responseHeaders: Header[];
  responseData: Uint8Array[];
  error: ErrorDefinition | null;
  responseTrailers: Header[];
  responseDelayMs: number;
}

export interface RequestInfo {
  requestHeaders?: Header[];
  timeoutMs?: number | undefined;
  requests: Any[];
}

export interface PayloadResponse {
  payload: { data?: Uint8Array; requestInfo?: RequestInfo };
}

/** A request with the bytes it arrived in, which are sent back. */
export interface Received<Message> {
  message: Message;
  any: Any;
}

const folder = join(import.meta.dirname, 'proto');
const suite = 'connectrpc.conformance.v1';
const codecs = protobufCodecs(join(folder, 'connect-conformance.proto'));
const requestInfo = codecs<RequestInfo>(`${suite}.ConformancePayload.RequestInfo`);
const richStatus = protobufCodecs(join(folder, 'status.proto'))<{
  code: number;
  message: string;
  details: Any[];
}>('google.rpc.Status');

/** Returns the codec of a message of the suite. */
export function codecOf<Message extends object>(name: string): Codec<Message> {
  return codecs<Message>(`${suite}.${name}`);
}

/** Returns a codec for requests, which are never written. */
export function requestCodec<Message extends object>(name: string): Codec<Received<Message>> {
  const codec = codecOf<Message>(name);
  return {
    decode: (bytes, start, end) => ({
      message: codec.decode(bytes, start, end),
      any: anyOf(name, bytes.subarray(start, end)),
    }),
    size: ({ message }) => codec.size(message),
    write: ({ message }, target, at) => codec.write(message, target, at),
  };
}

function anyOf(name: string, value: Uint8Array): Any {
  return { type_url: `type.googleapis.com/${suite}.${name}`, value };
}

/** Returns what the suite wants to know of a call. */
export function infoOf(
  call: { metadata: Metadata; timeout: number | undefined },
  requests: Any[],
): RequestInfo {
  const headers = new Map<string, string[]>();
  for (const [name, value] of call.metadata.entries()) {
    const values = headers.get(name) ?? [];
    headers.set(name, values);
    values.push(typeof value === 'string' ? value : value.toString('base64'));
  }
  return {
    requestHeaders: Array.from(headers, ([name, value]) => ({ name, value })),
    timeoutMs: call.timeout === undefined ? undefined : Math.round(call.timeout),
    requests,
  };
}

/** Returns the entries of headers or trailers that a response definition names. */
export function entriesOf(headers: Header[] = []): MetadataEntries {
  return headers.flatMap(({ name, value }) =>
    value.map((each) => {
      const key = name.toLowerCase();
      return [key, key.endsWith('-bin') ? Buffer.from(each, 'base64') : each] as const;
    }),
  );
}

/** Returns the status of an error definition; `info` is added to its details. */
export function statusOf(
  error: ErrorDefinition,
  trailers: MetadataEntries,
  info: RequestInfo | undefined,
): Status {
  const details = [...error.details];
  if (info) details.push(anyOf('ConformancePayload.RequestInfo', encode(requestInfo, info)));
  const message = error.message ?? '';
  const rich = encode(richStatus, { code: error.code, message, details });
  return {
    code: error.code as Code,
    message,
    trailers: details.length > 0 ? [...trailers, ['grpc-status-details-bin', rich]] : trailers,
  };
}

/** Returns the status for a call that has another number of requests than its method takes. */
export function wrongCount(count: number): Status {
  return { code: code.UNIMPLEMENTED, message: `the method takes 1 request, not ${count}` };
}
