import type { Request } from './http2/request.ts';
import { RequestMetadata } from './metadata.ts';
import type { Metadata, Method } from './method.ts';
import { code, type Status } from './status.ts';
import { parseTimeout } from './timeout.ts';

/** Header lists up to this size do not count as held. Unit: bytes. */
const shortList = 2_048;

/** What the header fields of a request mean to gRPC. Requests with the same header block share one. */
export type CallHead =
  | {
      kind: 'call';
      path: string;
      method: Method;
      metadata: Metadata;
      timeout: number | undefined;
      /** Bytes of the header list that count as held for the call; 0 for a short list. */
      size: number;
    }
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
  return { kind: 'call', path, method, metadata, timeout, size: sizeOf(fields) };
}

function sizeOf(fields: Request['fields']): number {
  let size = 0;
  for (const [name, value] of fields) size += name.length + value.length;
  // Text takes about twice its size until it is collected.
  return size > shortList ? 2 * size : 0;
}

function refused(status: Status['code'], message: string) {
  return { kind: 'refused' as const, status: { code: status, message } };
}

function textOf(metadata: Metadata, name: string): string | undefined {
  return metadata.get(name)[0]?.toString();
}
