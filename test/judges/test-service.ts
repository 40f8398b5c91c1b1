import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Metadata, Method } from '../../src/grpc/method.ts';
import {
  type Code,
  code,
  type MetadataEntries,
  type Status,
  StatusError,
} from '../../src/grpc/status.ts';
import { type AsyncCall, asyncMethod } from '../support/async-call.ts';
import { protobufCodecs } from '../support/protobuf-codec.ts';

interface Payload {
  type: number;
  body: Uint8Array;
}

interface EchoStatus {
  code: number;
  message: string;
}

interface SimpleRequest {
  responseType: number;
  responseSize: number;
  responseStatus: EchoStatus | null;
  fillServerId: boolean;
}

interface OutputRequest {
  responseType: number;
  responseParameters: { size: number; intervalUs: number }[];
  responseStatus: EchoStatus | null;
}

type Empty = Record<string, never>;
type InputRequest = { payload: Payload | null };
type OutputCall = AsyncCall<OutputRequest, { payload: Payload }>;

const initialKey = 'x-grpc-test-echo-initial';
const trailingKey = 'x-grpc-test-echo-trailing-bin';

/** The service that the interoperability tests of gRPC call. */
export function testService(): Method[] {
  const codec = protobufCodecs(join(import.meta.dirname, 'proto/grpc-testing.proto'));
  const empty = codec<Empty>('grpc.testing.Empty');
  const outputRequest = codec<OutputRequest>('grpc.testing.StreamingOutputCallRequest');
  const outputResponse = codec<{ payload: Payload }>('grpc.testing.StreamingOutputCallResponse');
  const path = (method: string) => `/grpc.testing.TestService/${method}`;
  const output = (method: string, serve: (call: OutputCall) => Promise<void>) =>
    asyncMethod(path(method), outputRequest, outputResponse, async (call) => {
      const { initial, trailing } = echoed(call.call.metadata);
      if (initial.length > 0) call.call.sendMetadata(initial);
      await serve(call);
      return trailing;
    });

  return [
    {
      kind: 'unary',
      path: path('EmptyCall'),
      request: empty,
      response: empty,
      handle: (_, call) => call.answer({}),
    },
    {
      kind: 'unary',
      path: path('UnaryCall'),
      request: codec<SimpleRequest>('grpc.testing.SimpleRequest'),
      response: codec('grpc.testing.SimpleResponse'),
      handle: (request, call) => {
        const { initial, trailing } = echoed(call.metadata);
        if (initial.length > 0) call.sendMetadata(initial);
        const status = failure(request.responseStatus);
        if (status) call.fail({ ...status, trailers: trailing });
        else {
          const payload = payloadOf(request.responseType, request.responseSize);
          const serverId = request.fillServerId ? `process ${process.pid}` : '';
          call.answer({ payload, serverId }, trailing);
        }
      },
    },
    asyncMethod(
      path('StreamingInputCall'),
      codec<InputRequest>('grpc.testing.StreamingInputCallRequest'),
      codec<{ aggregatedPayloadSize: number }>('grpc.testing.StreamingInputCallResponse'),
      async ({ requests, send }) => {
        let aggregatedPayloadSize = 0;
        for await (const { payload } of requests)
          aggregatedPayloadSize += payload?.body.length ?? 0;
        await send({ aggregatedPayloadSize });
        return [];
      },
    ),
    output('StreamingOutputCall', async (call) => {
      for await (const request of call.requests) await answer(call, request);
    }),
    output('FullDuplexCall', async (call) => {
      for await (const request of call.requests) await answer(call, request);
    }),
    output('HalfDuplexCall', async (call) => {
      const requests: OutputRequest[] = [];
      for await (const request of call.requests) requests.push(request);
      for (const request of requests) await answer(call, request);
    }),
  ];
}

async function answer({ send, cancelled }: OutputCall, request: OutputRequest): Promise<void> {
  const status = failure(request.responseStatus);
  if (status) throw new StatusError(status);
  for (const { size, intervalUs } of request.responseParameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1_000, undefined, { signal: cancelled });
    await send({ payload: payloadOf(request.responseType, size) });
  }
}

/** The metadata that a client wants to get back. */
function echoed(metadata: Metadata): { initial: MetadataEntries; trailing: MetadataEntries } {
  const again = (name: string) => metadata.get(name).map((value) => [name, value] as const);
  return { initial: again(initialKey), trailing: again(trailingKey) };
}

function failure(status: EchoStatus | null): Status | undefined {
  if (!status?.code) return undefined;
  return { code: status.code as Code, message: status.message };
}

function payloadOf(type: number, size: number): Payload {
  if (type !== 0) {
    const message = `unknown payload type ${type}`;
    throw new StatusError({ code: code.INVALID_ARGUMENT, message });
  }
  return { type, body: Buffer.alloc(size) };
}
