import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { until } from '../wait.ts';
import { bytesOf, type ClientView, type Entries, type Plan, type ServerView } from './plan.ts';
import { fingerprint, planHeader } from './server.ts';

/** Longest time that a call may take. Unit: milliseconds. */
const limit = 10_000;

const same = (bytes: Buffer) => bytes;

/** Every call of grpc-js, as far as its kind has it. */
interface AnyCall {
  readable: ClientReadableStream<Buffer> | undefined;
  writable: ClientWritableStream<Buffer> | undefined;
  call: Pick<ClientUnaryCall, 'on' | 'emit' | 'cancel'>;
}

/** Fields that the libraries add on their own: they are no part of what the handler has sent. */
const libraryFields = ['content-type', 'date', 'grpc-encoding', 'grpc-accept-encoding'];

/** A client of grpc-js, which makes calls as plans say. */
export class PlanClient implements Disposable {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  /** @throws Error when the call does not end */
  async run(id: string, plan: Plan, server: ServerView): Promise<ClientView> {
    const view: ClientView = {
      metadata: undefined,
      messages: [],
      code: -1,
      details: '',
      trailers: {},
    };
    const { call, readable, writable } = this.#open(
      plan,
      toMetadata([...plan.metadata, [planHeader, id]]),
    );
    const over = () => view.code >= 0;
    const status = new Promise<void>((done) => {
      call.on('metadata', (metadata: Metadata) => {
        view.metadata = toRecord(metadata);
      });
      call.on('status', ({ code, details, metadata }: StatusObject) => {
        view.code = code;
        view.details = details;
        view.trailers = toRecord(metadata);
        done();
      });
    });
    const onMessage = (message: Buffer) => view.messages.push(fingerprint(message));
    call.on('message', onMessage);
    readable?.on('data', onMessage);
    readable?.on('error', () => undefined);
    writable?.on('error', () => undefined);

    let written = 0;
    let paused = false;
    for (const step of plan.steps) {
      if (step.by === 'server') {
        if (step.do === 'write') written++;
        continue;
      }
      const told = () => over() || view.messages.length >= written;
      if (readable && !paused)
        await fast(() => `${written} responses to ${JSON.stringify(plan)}`, told);
      if (over()) break;
      if (step.do === 'send') writable?.write(bytesOf(step.size));
      else if (step.do === 'halfClose') writable?.end();
      else if (step.do === 'cancel') {
        if (step.called)
          await fast(
            () => 'the handler',
            () => server.called || over(),
          );
        call.cancel();
      } else if (readable) {
        paused = step.do === 'pause';
        readable[step.do]();
      }
    }
    readable?.resume();
    await Promise.race([status, fast(() => `the end of ${JSON.stringify(plan)}`, over)]);
    return view;
  }

  #open(plan: Plan, metadata: Metadata): AnyCall {
    const client = this.#client;
    const options: CallOptions =
      plan.timeout === undefined ? {} : { deadline: Date.now() + plan.timeout };
    const first = plan.steps.find((step) => step.by === 'client' && step.do === 'send');
    const request = bytesOf(first?.do === 'send' && first.by === 'client' ? first.size : 0);
    const { path } = plan;
    if (plan.client === 'unary') {
      const emit = (_: unknown, response?: Buffer) => response && call.emit('message', response);
      const call = client.makeUnaryRequest(path, same, same, request, metadata, options, emit);
      return { call, readable: undefined, writable: undefined };
    }
    if (plan.client === 'clientStream') {
      const emit = (_: unknown, response?: Buffer) => response && call.emit('message', response);
      const call = client.makeClientStreamRequest<Buffer, Buffer>(
        path,
        same,
        same,
        metadata,
        options,
        emit,
      );
      return { call, readable: undefined, writable: call };
    }
    if (plan.client === 'serverStream') {
      const call = client.makeServerStreamRequest(path, same, same, request, metadata, options);
      return { call, readable: call, writable: undefined };
    }
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, metadata, options);
    return { call, readable: call, writable: call as unknown as ClientWritableStream<Buffer> };
  }
}

/** Waits for something that takes less than a millisecond nearly always. */
async function fast(what: () => string, condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    if (condition()) return;
    await new Promise((done) => setImmediate(done));
  }
  await until(what, condition, limit);
}

function toMetadata(entries: Entries): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of entries) metadata.add(name, value);
  return metadata;
}

function toRecord(metadata: Metadata): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    if (libraryFields.includes(name)) continue;
    found[name] = values.map((value) =>
      typeof value === 'string' ? value : value.toString('hex'),
    );
  }
  return found;
}
