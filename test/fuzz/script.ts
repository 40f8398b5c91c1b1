import {
  continuation,
  data,
  flag,
  frame,
  frameType,
  goaway,
  grpcMessage,
  headers,
  most31,
  ping,
  preface,
  resetStream,
  setting,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../support/http2/frames.ts';
import {
  encodeHeaders,
  type Header,
  indexed,
  indexedLiteral,
  literal,
  tableSize,
} from '../support/http2/hpack.ts';
import { requestHeaders } from '../support/http2/request.ts';
import { publishRequest, pullRequest } from '../support/messages.ts';
import { cut, mutate } from './mutation.ts';
import type { Random } from './random.ts';

/** The bytes that one connection sends. */
export interface Script {
  /** The pieces in which the bytes are written. */
  chunks: Buffer[];
  /** Whether the connection has finished its handshake and called Init before. */
  initialised: boolean;
  /** Whether all of it follows the rules: the connection has to go on. */
  sound: boolean;
  /** Calls that have to be answered with OK, where the script is sound. */
  answered: number[];
  frames: number;
}

const service = '/dapr.proto.components.v1.PubSub';
const answeredMethods = [`${service}/Ping`, `${service}/Features`];
const otherMethods = [
  `${service}/PullMessages`,
  `${service}/Publish`,
  `${service}/BulkPublish`,
  `${service}/Pause`,
  `${service}/Unknown`,
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  '/',
];

/** The Component that an initialised connection has. */
export const component: Header = ['x-component-instance', 'fuzz'];

/** Init has used stream 1. */
const firstStream = 3;

const messages = [
  Buffer.alloc(0),
  Buffer.from('7801', 'hex'),
  publishRequest('fuzz', Buffer.from('x')),
  pullRequest({ topic: 'fuzz' }),
  pullRequest({ ackMessageId: '1' }),
];

/** Makes the script of one connection. */
export function makeScript(random: Random): Script {
  const initialised = random.chance(0.3);
  const author = new Author(random, initialised);
  author.begin();
  const steps = random.int(1, 60);
  for (let step = 0; step < steps; step++) author.step();
  author.finish();
  let parts = author.parts;
  let { sound } = author;
  if (random.chance(0.4)) {
    parts = mutate(random, parts);
    sound = false;
  }
  const bytes = Buffer.concat(parts);
  const answered = sound ? author.answered : [];
  return { chunks: cut(random, bytes), initialised, sound, answered, frames: parts.length };
}

/** Writes frames, most of which follow the rules. */
class Author {
  readonly parts: Buffer[] = [];
  readonly answered: number[] = [];
  sound = true;
  readonly #random: Random;
  /** Streams that this client has not ended. */
  readonly #open: { id: number; answered: boolean; sent: boolean }[] = [];
  readonly #initialised: boolean;
  #next: number;

  constructor(random: Random, initialised: boolean) {
    this.#random = random;
    this.#initialised = initialised;
    this.#next = initialised ? firstStream : 1;
  }

  begin(): void {
    const random = this.#random;
    if (this.#initialised) return;
    if (random.chance(0.05)) {
      this.sound = false;
      this.parts.push(random.bytes(random.int(0, 100)));
      return;
    }
    this.parts.push(preface, settings(...this.#settings()));
    if (random.chance(0.5)) this.parts.push(settingsAck);
  }

  step(): void {
    const wild = this.#random.chance(0.02);
    if (wild) {
      this.sound = false;
      this.parts.push(this.#wild());
      return;
    }
    this.#random.weighted<() => void>([
      [8, () => this.#headers()],
      [8, () => this.#message()],
      [2, () => this.#half()],
      [2, () => this.#reset()],
      [2, () => this.parts.push(ping(this.#random.bytes(8)))],
      [2, () => this.parts.push(windowUpdate(0, this.#random.int(1, 1_000)))],
      [1, () => this.parts.push(settings(...this.#settings()))],
      [1, () => this.parts.push(frame(this.#random.int(10, 255), this.#random.int(0, 255), 0))],
      [1, () => this.parts.push(frame(frameType.PRIORITY, 0, this.#next, Buffer.alloc(5)))],
      [1, () => this.#streamWindow()],
    ])();
  }

  /** Ends what is open, so that every call can be answered. */
  finish(): void {
    while (this.#open.length > 0 && this.#random.chance(0.9)) this.#end();
    this.parts.push(settings([setting.INITIAL_WINDOW_SIZE, 1_000_000]), windowUpdate(0, 1_000_000));
  }

  #settings(): [number, number][] {
    const random = this.#random;
    return Array.from({ length: random.int(0, 3) }, () =>
      random.pick<[number, number]>([
        [setting.HEADER_TABLE_SIZE, random.pick([0, 100, 4_096, 65_536])],
        [setting.ENABLE_PUSH, 0],
        [setting.INITIAL_WINDOW_SIZE, random.pick([0, 1, 10, 65_535, 1_000_000])],
        [setting.MAX_FRAME_SIZE, random.pick([16_384, 100_000])],
        [setting.MAX_HEADER_LIST_SIZE, random.int(0, 100_000)],
        [random.int(20, 1_000), random.int(0, 1_000)],
      ]),
    );
  }

  #headers(): void {
    const random = this.#random;
    const answered = random.chance(0.6);
    const path = random.pick(answered ? answeredMethods : otherMethods);
    const more: Header[] = random.chance(0.3)
      ? [[random.pick(['x-a', 'traceparent', 'grpc-timeout-x']), `${random.int(0, 1_000)}`]]
      : [];
    if (this.#initialised) more.push(component);
    const id = this.#next;
    this.#next += 2 * random.int(1, 3);
    const block = this.#block(requestHeaders(path, more));
    if (random.chance(0.2)) {
      const at = random.int(0, block.length);
      this.parts.push(frame(frameType.HEADERS, 0, id, block.subarray(0, at)));
      this.parts.push(continuation(id, block.subarray(at), flag.END_HEADERS));
    } else if (random.chance(0.1)) {
      const padding = random.int(0, 255);
      const padded = [Buffer.from([padding]), block, Buffer.alloc(padding)];
      this.parts.push(headers(id, Buffer.concat(padded), flag.PADDED));
    } else {
      this.parts.push(headers(id, block));
    }
    this.#open.push({ id, answered, sent: false });
  }

  #block(list: Header[]): Buffer {
    const random = this.#random;
    if (random.chance(0.1))
      return Buffer.concat([tableSize(random.int(0, 4_096)), encodeHeaders(list)]);
    const fields = list.map(([name, value]) => {
      if (random.chance(0.2)) return indexedLiteral(name, value);
      return literal(name, value);
    });
    return Buffer.concat(fields);
  }

  #message(): void {
    const stream = this.#random.pick(this.#open);
    if (!stream) return;
    const message = this.#random.pick(messages);
    const body = grpcMessage(stream.answered ? (messages[1] as Buffer) : message);
    // A unary call has one message.
    if (stream.answered && stream.sent) {
      this.#end(stream);
      return;
    }
    stream.sent = true;
    const at = this.#random.int(0, body.length);
    if (at > 0 && this.#random.chance(0.3)) {
      this.parts.push(data(stream.id, body.subarray(0, at)), data(stream.id, body.subarray(at)));
    } else {
      this.parts.push(data(stream.id, body));
    }
    if (this.#random.chance(0.5)) this.#end(stream);
  }

  /** Half of a message, which is never ended. */
  #half(): void {
    const stream = this.#random.pick(this.#open);
    if (!stream || stream.sent) return;
    stream.answered = false;
    stream.sent = true;
    this.parts.push(
      data(stream.id, grpcMessage(Buffer.alloc(3), 0, this.#random.int(4, 1_000_000))),
    );
  }

  #reset(): void {
    const stream = this.#random.pick(this.#open);
    if (!stream) return;
    this.#open.splice(this.#open.indexOf(stream), 1);
    this.parts.push(
      resetStream(stream.id, this.#random.pick(['CANCEL', 'NO_ERROR', 'INTERNAL_ERROR'])),
    );
  }

  #streamWindow(): void {
    const stream = this.#random.pick(this.#open);
    if (stream) this.parts.push(windowUpdate(stream.id, this.#random.int(1, 1_000)));
  }

  #end(stream = this.#open[0]): void {
    if (!stream) return;
    this.#open.splice(this.#open.indexOf(stream), 1);
    const body = stream.answered && !stream.sent ? grpcMessage(Buffer.alloc(0)) : Buffer.alloc(0);
    this.parts.push(data(stream.id, body, flag.END_STREAM));
    if (stream.answered) this.answered.push(stream.id);
  }

  /** A frame that breaks a rule, or may break one. */
  #wild(): Buffer {
    const random = this.#random;
    const id = random.pick([
      0,
      1,
      2,
      this.#next,
      Math.max(1, this.#next - 2),
      most31,
      random.int(0, 2 ** 32 - 1),
    ]);
    return random.pick<() => Buffer>([
      () => frame(random.int(0, 9), random.int(0, 255), id, random.bytes(random.int(0, 64))),
      () => frame(random.int(0, 9), 0, id, random.bytes(random.int(0, 20)), random.int(0, 20_000)),
      () => headers(this.#next, random.bytes(random.int(0, 200)), random.int(0, 255)),
      () =>
        headers(
          this.#next,
          Buffer.concat([encodeHeaders(requestHeaders('/')), indexed(random.int(0, 200))]),
        ),
      () => windowUpdate(id, random.pick([0, 1, most31])),
      () => settings([random.int(0, 10), random.int(0, 2 ** 32 - 1)]),
      () => goaway(random.int(0, 100), random.int(0, 20), random.bytes(random.int(0, 50))),
      () => data(id, grpcMessage(random.bytes(20), random.int(0, 3), random.int(0, 2 ** 32 - 1))),
      () => Buffer.concat(Array<Buffer>(random.int(1, 2_000)).fill(ping(Buffer.alloc(8)))),
      () => continuation(id, random.bytes(10), random.int(0, 255)),
      () => frame(frameType.PUSH_PROMISE, 4, id, uint32(2)),
      () => random.bytes(random.int(1, 300)),
    ])();
  }
}
