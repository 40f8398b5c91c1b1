import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fields } from '../../src/component/fields.ts';
import { Host, HostSubscription } from '../support/host.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { residentSize } from '../support/resident.ts';
import { until } from '../support/wait.ts';

/** No run of a property begins later than this. Unit: milliseconds. */
const timeForRuns = 7_000;

/** With fewer runs a property says little. */
const leastRuns = 20;

/** Whatever is sent, an answer comes within this. Init has 4.5 s, after an earlier one has ended. */
const answerLimit = 8_000;

/** What a flood of nonsense may cost the process. Unit: MiB. */
const mostGrowth = 100;

interface Scene extends AsyncDisposable {
  pair: Pair;
  /** The bystander publishes, and gets what it has published. */
  unharmed(): Promise<void>;
}

/** A component with a host that minds its own business while others do as they like. */
async function startScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  // V8 clears up late where it has room: with little of it, what stays is what is kept.
  const env = { NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=2' };
  const pair = stack.use(await startPair({ component: { env } }));
  await pair.nats.stream('BYSTANDER', 'bystander');
  await pair.nats.stream('FUZZ', 'fuzz.>');
  const host = await pair.host({ consumerID: 'bystander' }, 'bystander');
  const subscription = host.subscribe('bystander');
  subscription.ackAll();
  let count = 0;
  const unharmed = async () => {
    expect(pair.component.running).toBe(true);
    await host.publish('bystander', `${++count}`);
    await subscription.received(count, 5_000);
    expect(subscription.texts.at(-1)).toBe(`${count}`);
  };
  await unharmed();
  const owned = stack.move();
  return { pair, unharmed, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Checks a property for as long as there is time, the bystander after each run, and the memory. */
async function fuzz<Value>(
  scene: Scene,
  values: fc.Arbitrary<Value>,
  check: (value: Value) => Promise<void>,
): Promise<void> {
  const { pid } = scene.pair.component;
  const before = await residentSize(pid);
  const end = performance.now() + timeForRuns;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      if (performance.now() > end) return;
      runs++;
      await check(value);
      await scene.unharmed();
    }),
    { numRuns: 400 },
  );
  expect(runs).toBeGreaterThan(leastRuns);
  expect((await residentSize(pid)) - before).toBeLessThan(mostGrowth);
}

const service = '/dapr.proto.components.v1.PubSub';
const methods = ['Init', 'Features', 'Publish', 'BulkPublish', 'Ping', 'Pause', 'Resume'] as const;
const paths = [...methods, 'PullMessages'].map((method) => `${service}/${method}`);

/** An HTTP/2 frame. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Headers in HPACK's plainest form. */
function headerBlock(headers: [string, string][]): Buffer {
  const text = (value: string) => Buffer.from([value.length, ...Buffer.from(value)]);
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

/** A Ping as it goes over the wire, part by part. */
const ping = [
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
  frame(
    1,
    4,
    1,
    headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', `${service}/Ping`],
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ]),
  ),
  frame(0, 1, 1, Buffer.alloc(5)),
];

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

/** Any frame at all, its length right or wrong. */
const anyFrame = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(9), bytes(64), fc.option(fc.nat(0xff_ffff)))
  .map(([type, flags, stream, payload, length]) => {
    const whole = frame(type % 12, flags, stream, payload);
    if (length !== null) whole.writeUIntBE(length, 0, 3);
    return whole;
  });

/** A Ping with its parts in disorder, others among them, and bytes changed or missing. */
const spoiltPing = fc
  .tuple(
    fc.array(fc.oneof(fc.constantFrom(...ping), anyFrame), { maxLength: 8 }),
    fc.boolean(),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
    fc.nat(400),
  )
  .map(([parts, inOrder, changes, length]) => {
    const whole = Buffer.concat([...(inOrder ? ping : ping.slice(0, 2)), ...parts]);
    for (const [at, byte] of changes) if (at < whole.length) whole[at] = byte;
    return whole.subarray(0, length);
  });

const connection = fc.record({
  data: fc.oneof(bytes(600), spoiltPing),
  ending: fc.constantFrom('close', 'half-close', 'leave open'),
});

test('no bytes on the socket harm anybody but their sender', async () => {
  await using scene = await startScene();
  const { socket: path } = scene.pair.component;
  const open = async () => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    return socket;
  };
  // What is spoilt below is sound to begin with.
  const sound = await open();
  let answer = '';
  sound.on('data', (data) => {
    answer += data.toString('latin1');
  });
  sound.write(Buffer.concat(ping));
  await until('an answer to the Ping', () => answer.includes('grpc-status') || answer.length > 60);
  sound.destroy();

  await fuzz(scene, fc.array(connection, { minLength: 1, maxLength: 12 }), async (connections) => {
    const sockets: Socket[] = [];
    for (const { data, ending } of connections) {
      const socket = await open();
      sockets.push(socket);
      socket.write(data);
      if (ending === 'close') socket.destroy();
      if (ending === 'half-close') socket.end();
    }
    await scene.unharmed();
    for (const socket of sockets) socket.destroy();
  });
});

const word = fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((text) => text.trim());

/** Bodies in gRPC's framing: flag, length, message. Any part may be wrong. */
const body = fc
  .array(
    fc.tuple(
      fc.constantFrom(0, 1, 2, 255),
      fc.option(fc.oneof(fc.nat(100), fc.constantFrom(2 ** 31, 2 ** 32 - 1))),
      fc.oneof(
        bytes(60),
        bytes(60).map((data) => gzipSync(data)),
      ),
    ),
    { maxLength: 3 },
  )
  .chain((messages) => {
    const parts = messages.map(([flag, length, data]) => {
      const head = Buffer.alloc(5);
      head.writeUInt8(flag, 0);
      head.writeUInt32BE(length ?? data.byteLength, 1);
      return Buffer.concat([head, data]);
    });
    const whole = Buffer.concat(parts);
    return fc.oneof(
      fc.constant(whole),
      bytes(30),
      fc.nat(whole.length).map((length) => whole.subarray(0, length)),
    );
  });

const request = fc.record({
  path: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...paths) },
    fc.constantFrom('/', `${service}/`, `${service}/Unknown`, `${service}/Ping/`, '//'),
    fc.webPath().map((path) => `/${path}`),
  ),
  headers: fc.record(
    {
      ':method': fc.constantFrom('POST', 'POST', 'GET', 'PUT', 'OPTIONS', 'BREW'),
      'content-type': fc.oneof(
        { weight: 3, arbitrary: fc.constant('application/grpc') },
        fc.constantFrom('application/grpc+proto', 'application/grpc+json', 'text/plain'),
        word,
      ),
      te: fc.constant('trailers'),
      'grpc-timeout': fc.oneof(fc.constantFrom('1S', '0n', '99999999H', '-1S', '1'), word),
      'grpc-encoding': fc.oneof(fc.constantFrom('gzip', 'deflate', 'identity', 'br'), word),
      'grpc-accept-encoding': word,
      'x-component-instance': word,
      'some-bin': word,
    },
    { requiredKeys: [] },
  ),
  body,
});

interface Answer {
  http: number | undefined;
  grpc: number | undefined;
  reset: number;
}

function ask(
  session: ClientHttp2Session,
  { path, headers, body }: { path: string; headers: object; body: Uint8Array },
): Promise<Answer> {
  const stream = session.request({ ':method': 'POST', ...headers, ':path': path });
  return new Promise((resolve, reject) => {
    let http: number | undefined;
    let grpc: number | undefined;
    const read = (headers: { ':status'?: number; 'grpc-status'?: string | string[] }) => {
      http ??= headers[':status'];
      if (headers['grpc-status'] !== undefined) grpc = Number(headers['grpc-status']);
    };
    stream.on('response', read).on('trailers', read).resume();
    // 'close' tells the same.
    stream.on('error', () => undefined);
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${answerLimit} ms`)),
      answerLimit,
    );
    stream.on('close', () => {
      clearTimeout(timer);
      resolve({ http, grpc, reset: stream.rstCode });
    });
    stream.end(body);
  });
}

test('every HTTP/2 request is answered with a gRPC status or an HTTP error', async () => {
  await using scene = await startScene();
  await fuzz(scene, fc.array(request, { minLength: 1, maxLength: 10 }), async (requests) => {
    const session = connectHttp2('http://localhost', {
      createConnection: () => connect(scene.pair.component.socket),
    });
    try {
      const answers = await Promise.all(requests.map((request) => ask(session, request)));
      for (const answer of answers) {
        const clear = answer.http === 200 ? answer.grpc !== undefined : (answer.http ?? 0) >= 400;
        expect(clear, JSON.stringify(answer)).toBe(true);
      }
    } finally {
      session.destroy();
    }
  });
});

/** What a string in a call may be. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('', ' ', '\0', 'a\0b', '\r\n', '\u{1d11e}', 'x'.repeat(300), 'é'.repeat(70_000)),
);

const topic = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('fuzz.a', 'fuzz.b') },
  fc.constantFrom('fuzz.*', 'fuzz.>', 'nowhere', '>', '$JS.API.INFO', '_INBOX.x'),
  text,
);

const metadata = fc.dictionary(
  fc.oneof(
    fc.constantFrom('msgId', 'ttlInSeconds', 'Content-Type', 'Nats-Rollup', 'Nats-Expected-Stream'),
    text,
  ),
  text,
  { maxKeys: 4 },
);

const data = fc.oneof(
  { weight: 3, arbitrary: bytes(2_000) },
  // More than the NATS server takes.
  fc.constant(new Uint8Array(1_100_000)),
  fc.constant(Buffer.from('{"specversion":"1.0","id":"1","source":"s","type":"t","data":1}')),
);

/** Nothing but loopback: a name that could be looked up would leave the machine. */
const natsURL = (server: string) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(server) },
    fc.constantFrom(server.replace('nats:', 'tls:'), `${server},${server}`, `${server}/x`),
    fc.constantFrom('nats://127.0.0.1:1', 'nats://user:pass@localhost:1', 'nats://127.0.0.1:99999'),
    fc.constantFrom('', ' ', '://', 'nats://', 'http://127.0.0.1', 'nats://[::1', '%', '\0'),
  );

/** Any other field with a value that fits it, or another one's, or none at all. */
const examples = Object.entries(fields).filter(([name]) => name !== 'natsURL');
const someField = fc.constantFrom(...examples.map(([name]) => name));
const someValue = fc.constantFrom(...examples.map(([, { example }]) => example));
const settings = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.constantFrom(...examples).map(([name, { example }]) => ({ [name]: example })),
  fc.dictionary(fc.oneof(someField, text), fc.oneof(someValue, text), { maxKeys: 4 }),
);

/** One request of a PullMessages stream. */
const pullRequest = fc.record(
  {
    topic: fc.record({ name: topic, metadata: fc.oneof(fc.constant({}), settings, metadata) }),
    ackMessageId: fc.oneof(fc.constantFrom('1', '2', '3'), text),
    ackError: fc.record({ message: text }),
  },
  { requiredKeys: [] },
);

const subscribeRequest = fc.record({
  topic: fc.record({ name: topic, metadata: fc.constant({}) }),
});

/** One call; those of a PullMessages stream say which of three streams is meant. */
const call = (server: string) => {
  const init = fc
    .tuple(natsURL(server), settings)
    .map(([natsURL, others]) => ({ metadata: { properties: { ...others, natsURL } } }));
  const entry = fc.record({ entryId: text, event: data, contentType: text, metadata });
  const requests = {
    Init: fc.oneof({ weight: 9, arbitrary: init }, fc.constant({})),
    Features: fc.constant({}),
    Publish: fc.record({ data, topic, metadata, contentType: text }, { requiredKeys: ['topic'] }),
    BulkPublish: fc.record(
      { entries: fc.array(entry, { maxLength: 4 }), topic, metadata },
      { requiredKeys: ['entries'] },
    ),
    Ping: fc.constant({}),
    Pause: fc.constant({}),
    Resume: fc.constant({}),
  };
  return fc.oneof(
    ...methods.map((method) =>
      fc.record({ method: fc.constant(method), request: requests[method] }),
    ),
    fc.record({ stream: fc.nat(2), pull: pullRequest }),
    fc.record({ stream: fc.nat(2), pull: subscribeRequest }),
    fc.record({ stream: fc.nat(2), pull: subscribeRequest }),
    fc.record({ stream: fc.nat(2), ending: fc.constantFrom('end', 'cancel') }),
  );
};

const expectedCodes = [
  ...[status.OK, status.INVALID_ARGUMENT, status.FAILED_PRECONDITION, status.UNAVAILABLE],
  ...[status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.DEADLINE_EXCEEDED],
];

type Call = typeof call extends (server: string) => fc.Arbitrary<infer Value> ? Value : never;

test('whatever a host calls, in whatever order, it is told clearly what is wrong', async () => {
  await using scene = await startScene();
  const { socket } = scene.pair.component;
  const calls = fc.array(call(scene.pair.nats.url), { minLength: 1, maxLength: 15 });
  const initialised = fc.constantFrom(true, true, true, false);
  const someHosts = fc.array(fc.tuple(initialised, calls), { minLength: 1, maxLength: 3 });
  await fuzz(scene, someHosts, async (hosts) => {
    await Promise.all(hosts.map(([initialised, calls]) => play(initialised, calls)));
  });

  async function play(initialised: boolean, calls: Call[]): Promise<void> {
    using host = new Host(socket, 'fuzz');
    if (initialised) await host.init({ natsURL: scene.pair.nats.url, consumerID: 'fuzz' });
    const streams = new Map<number, ReturnType<Host['rawStream']>>();
    const subscriptions: HostSubscription[] = [];
    for (const one of calls) {
      if ('method' in one) {
        const start = performance.now();
        const code = await host.call(one.method, one.request).then(
          () => status.OK,
          (error: ServiceError) => error.code,
        );
        expect(expectedCodes).toContain(code);
        expect(performance.now() - start).toBeLessThan(answerLimit);
        continue;
      }
      const stream = streams.get(one.stream) ?? host.rawStream();
      if (!streams.has(one.stream)) subscriptions.push(new HostSubscription(stream));
      streams.set(one.stream, stream);
      if ('pull' in one) {
        stream.write(one.pull);
      } else {
        stream[one.ending]();
        streams.delete(one.stream);
      }
    }
    await host.call('Ping');
    // Those that are still open may stay so; no other ends for a reason of its own.
    for (const { status: ended } of subscriptions) {
      expect([...expectedCodes, status.CANCELLED]).toContain(ended?.code ?? status.OK);
    }
  }
});
