import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { createGrpcJsServer } from '../../../src/dapr/grpc-js-server.ts';
import type { Codec } from '../../../src/grpc/codec.ts';
import { Http2Server } from '../../../src/grpc/http2-server.ts';
import type { Metadata, Method, StreamingCall, UnaryCall } from '../../../src/grpc/method.ts';
import type { ServedConnection } from '../../../src/grpc/server.ts';
import { code } from '../../../src/grpc/status.ts';
import { bytesOf, isUndecodable, type Plan, paths, type ServerView, type Step } from './plan.ts';

/** The metadata by which a handler finds the plan of its call. */
export const planHeader = 'x-plan';

export const fingerprint = (bytes: Buffer) => `${bytes.length}:${crc32(bytes)}`;

const codec: Codec<Buffer> = {
  decode(bytes, start, end) {
    const message = bytes.subarray(start, end);
    if (isUndecodable(message)) throw new Error('undecodable');
    return message;
  },
  size: (message) => message.length,
  write: (message, target, at) => void message.copy(target, at),
};

/** How long a handler that pauses and resumes pauses at least. Unit: milliseconds. */
const shortestPause = 5;

type ServerStep = Extract<Step, { by: 'server' }>;

/** One of the two servers on a Unix socket, with the methods that follow plans. */
export class PlanServer implements AsyncDisposable {
  readonly socket: string;
  readonly #listener: Server;
  readonly #open = new Set<ServedConnection>();
  readonly #plans = new Map<string, { plan: Plan; view: ServerView }>();

  private constructor(name: 'own' | 'grpc-js', socket: string) {
    this.socket = socket;
    const options = {
      methods: this.#methods(),
      defect: () => {
        this.defects++;
      },
    };
    const server = name === 'own' ? new Http2Server(options) : createGrpcJsServer(options);
    this.#listener = createServer((accepted) => {
      const served = server.serve(accepted, undefined);
      this.#open.add(served);
      accepted.on('close', () => this.#open.delete(served));
    });
  }

  /** Errors that the server called defects. */
  defects = 0;

  static async start(name: 'own' | 'grpc-js', folder: string): Promise<PlanServer> {
    const server = new PlanServer(name, join(folder, `${name}.sock`));
    await new Promise<void>((done) => server.#listener.listen(server.socket, done));
    return server;
  }

  /** Makes the plan known by its id. Returns what its handler sees, as it sees it. */
  expect(id: string, plan: Plan): ServerView {
    const view: ServerView = {
      called: false,
      timed: false,
      metadata: {},
      messages: [],
      whilePaused: 0,
      ended: false,
      cancelled: false,
    };
    this.#plans.set(id, { plan, view });
    return view;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const served of this.#open) served.destroy();
    await new Promise((done) => this.#listener.close(done));
  }

  #methods(): Method<undefined>[] {
    return [
      {
        kind: 'unary',
        path: paths.unary,
        request: codec,
        response: codec,
        handle: (request: Buffer, call) => this.#unary(request, call),
      },
      {
        kind: 'streaming',
        path: paths.streaming,
        request: codec,
        response: codec,
        handle: (call) => this.#streaming(call),
      },
    ];
  }

  #begin(call: UnaryCall<Buffer> | StreamingCall<Buffer, Buffer>) {
    const id = call.metadata.get(planHeader)[0]?.toString() ?? '';
    const known = this.#plans.get(id);
    if (!known) throw new Error('a call without a plan');
    this.#plans.delete(id);
    const { plan, view } = known;
    view.called = true;
    view.timed = call.timeout !== undefined;
    view.metadata = metadataOf(call.metadata, plan);
    call.onCancel = () => {
      view.cancelled = true;
    };
    return known;
  }

  #unary(request: Buffer, call: UnaryCall<Buffer>): void {
    const { plan, view } = this.#begin(call);
    view.messages.push(fingerprint(request));
    const steps = plan.steps.filter((step): step is ServerStep => step.by === 'server');
    let answer = 0;
    const run = () => {
      for (const step of steps) {
        if (step.do === 'metadata') call.sendMetadata(step.entries);
        if (step.do === 'write') answer = step.size;
        if (step.do === 'throw') throw new Error('thrown by the handler');
        if (step.do !== 'end') continue;
        const { ending } = step;
        if (ending.code === code.OK) call.answer(bytesOf(answer), ending.trailers);
        else call.fail(ending);
      }
    };
    // Nobody catches what is thrown later.
    if (plan.later && !steps.some((step) => step.do === 'throw')) setImmediate(run);
    else run();
  }

  #streaming(call: StreamingCall<Buffer, Buffer>): void {
    const { plan, view } = this.#begin(call);
    const actor = new StreamActor(call, plan, view);
    call.onMessage = (request) => {
      view.messages.push(fingerprint(request));
      if (actor.paused) view.whilePaused++;
      actor.advance();
    };
    call.onEnd = () => {
      view.ended = true;
      actor.advance();
    };
    call.onRoom = () => actor.hasRoom();
    if (plan.later && !plan.steps.some((step) => step.do === 'throw')) {
      setImmediate(() => actor.start());
    } else {
      actor.start();
    }
  }
}

/** Does the server's steps of a plan in a streaming call. */
class StreamActor {
  readonly #call: StreamingCall<Buffer, Buffer>;
  readonly #steps: readonly Step[];
  readonly #view: ServerView;
  /** Nobody catches what is thrown by a timer, so such a handler does everything at once. */
  readonly #throws: boolean;
  #started = false;
  #next = 0;
  /** Messages that the steps so far make the client send. */
  #sent = 0;
  #halfClosed = false;
  /** Whether the handler has paused the call. */
  paused = false;
  #pauseOver = false;
  #pauseTimer: NodeJS.Timeout | undefined;
  #room = true;
  #busy = false;

  constructor(call: StreamingCall<Buffer, Buffer>, plan: Plan, view: ServerView) {
    this.#call = call;
    this.#steps = plan.steps;
    this.#view = view;
    this.#throws = plan.steps.some((step) => step.do === 'throw');
  }

  start(): void {
    this.#started = true;
    this.advance();
  }

  hasRoom(): void {
    this.#room = true;
    this.advance();
  }

  /** Does the steps whose time has come. */
  advance(): void {
    // A step may call back: resume() brings the next message.
    if (!this.#started || this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#call.ended && this.#advanceOne());
    } finally {
      this.#busy = false;
    }
  }

  #advanceOne(): boolean {
    const step = this.#steps[this.#next];
    if (!step) return false;
    if (step.by === 'client') {
      if (step.do === 'send') this.#sent++;
      if (step.do === 'halfClose') this.#halfClosed = true;
    } else {
      const told =
        this.paused ||
        (this.#view.messages.length >= this.#sent && (this.#view.ended || !this.#halfClosed));
      if (!told || !this.#room) return false;
      if (step.do === 'resume' && this.paused && !this.#pauseOver && !this.#throws) {
        this.#endPauseLater();
        return false;
      }
    }
    this.#next++;
    if (step.by === 'server') this.#do(step);
    return true;
  }

  /** Lets what the client sends meanwhile arrive during the pause. */
  #endPauseLater(): void {
    this.#pauseTimer ??= setTimeout(() => {
      this.#pauseOver = true;
      this.advance();
    }, shortestPause);
  }

  #do(step: ServerStep): void {
    const call = this.#call;
    if (step.do === 'metadata') call.sendMetadata(step.entries);
    else if (step.do === 'write') this.#room = call.write(bytesOf(step.size)) || !step.wait;
    else if (step.do === 'throw') throw new Error('thrown by the handler');
    else if (step.do === 'end') call.end(step.ending);
    else {
      // Resuming brings messages before it returns.
      this.paused = step.do === 'pause';
      this.#pauseOver = false;
      this.#pauseTimer = undefined;
      call[step.do]();
    }
  }
}

/** Returns the values of each name of the plan's metadata. Node joins text that comes more than once. */
function metadataOf(metadata: Metadata, plan: Plan): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name] of plan.metadata) {
    const values = metadata.get(name);
    found[name] = name.endsWith('-bin')
      ? values.map((value) => Buffer.from(value).toString('hex'))
      : values.join(', ');
  }
  return found;
}
