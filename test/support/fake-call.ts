import { encode } from '../../src/grpc/codec.ts';
import type { Method, StreamingCall } from '../../src/grpc/method.ts';
import type { Status } from '../../src/grpc/status.ts';

/** Returns the method with this path. */
export function methodOf(methods: readonly Method[], path: string): Method {
  const method = methods.find((method) => method.path === path);
  if (!method) throw new Error(`no method ${path}`);
  return method;
}

/** Calls a unary method without a server. Returns the encoded answer or the error. */
export function callUnary(method: Method, request: Buffer): Buffer | Status {
  if (method.kind !== 'unary') throw new Error(`${method.path} is not unary`);
  let outcome: Buffer | Status | undefined;
  method.handle(method.request.decode(request, 0, request.length), {
    ...callBasics(method.path),
    answer: (response) => {
      outcome ??= encode(method.response, response);
    },
    fail: (status) => {
      outcome ??= status;
    },
  });
  if (!outcome) throw new Error(`${method.path} did not answer at once`);
  return outcome;
}

/** A call of a streaming method without a server. The test is the client. */
export class FakeCall {
  /** Encoded responses that were written. */
  readonly responses: Buffer[] = [];
  /** What `write` returns. */
  room = true;
  paused = false;
  /** How the handler ended the call. */
  status: Status | undefined;
  readonly #method: Method;
  readonly #call: StreamingCall<unknown, unknown>;

  constructor(method: Method) {
    if (method.kind !== 'streaming') throw new Error(`${method.path} is not streaming`);
    this.#method = method;
    const fake = this;
    this.#call = {
      ...callBasics(method.path),
      onMessage: undefined,
      onEnd: undefined,
      onRoom: undefined,
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
      write: (response) => {
        if (!this.status) this.responses.push(encode(method.response, response));
        return this.room;
      },
      end: (status = { code: 0 }) => {
        this.status ??= status;
      },
      get ended() {
        return fake.status !== undefined;
      },
    };
    method.handle(this.#call);
  }

  send(request: Buffer): void {
    this.#call.onMessage?.(this.#method.request.decode(request, 0, request.length));
  }

  halfClose(): void {
    this.#call.onEnd?.();
  }

  /** Ends the call as a client does. Its handler does not hear of it when it has ended the call before. */
  cancel(): void {
    if (this.status) return;
    this.status = { code: 1 };
    this.#call.onCancel?.();
  }

  makeRoom(): void {
    this.room = true;
    this.#call.onRoom?.();
  }
}

function callBasics(path: string) {
  return {
    peer: undefined,
    path,
    metadata: { get: () => [], entries: () => [] },
    timeout: undefined,
    sendMetadata: () => undefined,
    onCancel: undefined,
  };
}
