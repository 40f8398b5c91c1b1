import type { Request } from './http2/request.ts';
import { RequestMetadata } from './metadata.ts';
import type { Metadata, Method } from './method.ts';
import { code, type Status } from './status.ts';
import { parseTimeout } from './timeout.ts';

/** What the header fields of a request mean to gRPC. Requests with the same header block share one. */
export type CallHead =
  | { kind: 'call'; path: string; method: Method; metadata: Metadata; timeout: number | undefined }
  | { kind: 'refused'; status: Status; metadata?: readonly [string, string][] }
  /** Not a gRPC request: answered with a status of HTTP. */
  | { kind: 'http'; status: '405' | '415' };

export function readCallHead(methods: ReadonlyMap<string, Method>, request: Request): CallHead {
  const { path, fields } = request;
  if (request.method !== 'POST') return { kind: 'http', status: '405' };
  const metadata = new RequestMetadata(fields);
  const contentType = textOf(metadata, 'content-type');
  if (!/^application\/grpc(\+proto)?(;|$)/.test(contentType ?? '')) {
    return { kind: 'http', status: '415' };
  }
  const method = methods.get(path);
  if (!method) return refused(code.UNIMPLEMENTED, `the server does not have ${path}`);
  const encoding = textOf(metadata, 'grpc-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    const text = `grpc-encoding ${encoding} is not supported: send messages uncompressed`;
    return {
      ...refused(code.UNIMPLEMENTED, text),
      metadata: [['grpc-accept-encoding', 'identity']],
    };
  }
  const given = textOf(metadata, 'grpc-timeout');
  const timeout = given === undefined ? undefined : parseTimeout(given);
  if (given !== undefined && timeout === undefined) {
    return refused(code.INTERNAL, `grpc-timeout "${given}" is not a number and a unit`);
  }
  return { kind: 'call', path, method, metadata, timeout };
}

function refused(status: Status['code'], message: string) {
  return { kind: 'refused' as const, status: { code: status, message } };
}

function textOf(metadata: Metadata, name: string): string | undefined {
  return metadata.get(name)[0]?.toString();
}
