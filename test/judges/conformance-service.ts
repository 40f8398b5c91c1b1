import { setTimeout as sleep } from 'node:timers/promises';
import type { Method, UnaryMethod } from '../../src/grpc/method.ts';
import { StatusError } from '../../src/grpc/status.ts';
import { type AsyncCall, asyncMethod } from '../support/async-call.ts';
import {
  type Any,
  codecOf,
  entriesOf,
  infoOf,
  type PayloadResponse,
  type Received,
  requestCodec,
  type StreamDefinition,
  statusOf,
  type UnaryDefinition,
  wrongCount,
} from './conformance-messages.ts';

interface UnaryRequest {
  responseDefinition: UnaryDefinition | null;
}

interface StreamRequest {
  responseDefinition: StreamDefinition | null;
  fullDuplex?: boolean;
}

type StreamCall = AsyncCall<Received<StreamRequest>, PayloadResponse>;

const path = (method: string) => `/connectrpc.conformance.v1.ConformanceService/${method}`;

/** The service that the conformance suite of Connect calls. It has no method `Unimplemented`. */
export function conformanceService(): Method[] {
  return [
    unary('Unary'),
    unary('IdempotentUnary'),
    asyncMethod(
      path('ClientStream'),
      requestCodec<UnaryRequest>('ClientStreamRequest'),
      codecOf<PayloadResponse>('ClientStreamResponse'),
      serveClientStream,
    ),
    asyncMethod(
      path('ServerStream'),
      requestCodec<StreamRequest>('ServerStreamRequest'),
      codecOf<PayloadResponse>('ServerStreamResponse'),
      serveServerStream,
    ),
    asyncMethod(
      path('BidiStream'),
      requestCodec<StreamRequest>('BidiStreamRequest'),
      codecOf<PayloadResponse>('BidiStreamResponse'),
      serveBidiStream,
    ),
  ];
}

function unary(name: string): UnaryMethod<Received<UnaryRequest>, PayloadResponse> {
  return {
    kind: 'unary',
    path: path(name),
    request: requestCodec(`${name}Request`),
    response: codecOf(`${name}Response`),
    handle: ({ message, any }, call) => {
      const definition = message.responseDefinition;
      const requestInfo = infoOf(call, [any]);
      const trailers = entriesOf(definition?.responseTrailers);
      const answer = () => {
        const headers = entriesOf(definition?.responseHeaders);
        if (headers.length > 0) call.sendMetadata(headers);
        if (definition?.error) call.fail(statusOf(definition.error, trailers, requestInfo));
        else call.answer({ payload: { ...dataOf(definition), requestInfo } }, trailers);
      };
      const delay = definition?.responseDelayMs ?? 0;
      if (delay === 0) return answer();
      const timer = setTimeout(answer, delay);
      call.onCancel = () => clearTimeout(timer);
    },
  };
}

/** Answers when the client has sent everything. */
async function serveClientStream(call: AsyncCall<Received<UnaryRequest>, PayloadResponse>) {
  const received: Received<UnaryRequest>[] = [];
  for await (const request of call.requests) received.push(request);
  const definition = received[0]?.message.responseDefinition ?? null;
  const requestInfo = infoOf(
    call.call,
    received.map(({ any }) => any),
  );
  const trailers = entriesOf(definition?.responseTrailers);
  await wait(call, definition?.responseDelayMs);
  const headers = entriesOf(definition?.responseHeaders);
  if (headers.length > 0) call.call.sendMetadata(headers);
  if (definition?.error) throw new StatusError(statusOf(definition.error, trailers, requestInfo));
  await call.send({ payload: { ...dataOf(definition), requestInfo } });
  return trailers;
}

async function serveServerStream(call: StreamCall) {
  const received: Received<StreamRequest>[] = [];
  for await (const request of call.requests) received.push(request);
  const [first] = received;
  if (!first || received.length > 1) throw new StatusError(wrongCount(received.length));
  const responses = new Responses(call, first.message.responseDefinition);
  responses.begin();
  return responses.finish([first.any]);
}

/** Answers each request when it arrives (full duplex), or all of them after the last one. */
async function serveBidiStream(call: StreamCall) {
  let responses = new Responses(call, null);
  let fullDuplex = false;
  let first = true;
  let requests: Any[] = [];
  for await (const { message, any } of call.requests) {
    requests.push(any);
    if (first) {
      first = false;
      fullDuplex = message.fullDuplex === true;
      responses = new Responses(call, message.responseDefinition);
      if (fullDuplex) responses.begin();
    }
    if (!fullDuplex) continue;
    if (responses.left === 0) break;
    await responses.next(requests);
    requests = [];
  }
  if (!fullDuplex) responses.begin();
  return responses.finish(requests);
}

/** The responses of a stream in the order its definition says. */
class Responses {
  readonly #call: StreamCall;
  readonly #definition: StreamDefinition | null;
  #sent = 0;

  constructor(call: StreamCall, definition: StreamDefinition | null) {
    this.#call = call;
    this.#definition = definition;
  }

  get left(): number {
    return (this.#definition?.responseData.length ?? 0) - this.#sent;
  }

  /** Sends the headers, so that the client does not wait for the first response to see them. */
  begin(): void {
    const headers = entriesOf(this.#definition?.responseHeaders);
    if (this.left > 0 || headers.length > 0) this.#call.call.sendMetadata(headers);
  }

  /** Sends the next response. The first has everything about the call, a later one only the requests. */
  async next(requests: Any[]): Promise<void> {
    await wait(this.#call, this.#definition?.responseDelayMs);
    const data = this.#definition?.responseData[this.#sent] ?? Buffer.alloc(0);
    const requestInfo = this.#sent === 0 ? infoOf(this.#call.call, requests) : { requests };
    this.#sent++;
    const informs = requestInfo.requests.length > 0;
    await this.#call.send({ payload: informs ? { data, requestInfo } : { data } });
  }

  /** Sends the responses that are left and returns the trailers. @throws StatusError */
  async finish(requests: Any[]) {
    const trailers = entriesOf(this.#definition?.responseTrailers);
    while (this.left > 0) await this.next(this.#sent === 0 ? requests : []);
    const error = this.#definition?.error;
    if (!error) return trailers;
    const info = this.#sent === 0 ? infoOf(this.#call.call, requests) : undefined;
    throw new StatusError(statusOf(error, trailers, info));
  }
}

async function wait(call: { cancelled: AbortSignal }, milliseconds = 0): Promise<void> {
  if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: call.cancelled });
}

function dataOf(definition: UnaryDefinition | null): { data?: Uint8Array } {
  return definition ? { data: definition.responseData } : {};
}
