import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import * as messages from '../../../src/dapr/messages.ts';
import { type Codec, encode } from '../../../src/grpc/codec.ts';
import { ProtobufError } from '../../../src/protobuf/reader.ts';

const contract = protobuf.loadSync('proto/pubsub.proto');

const text = fc.oneof(
  fc.string({ maxLength: 150 }),
  fc.string({ unit: 'grapheme', maxLength: 150 }),
  fc.constantFrom('__proto__', 'constructor', 'traceparent', 'application/json', '\ufffd'),
);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const metadata = fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const list = <Value>(value: fc.Arbitrary<Value>) => fc.array(value, { maxLength: 4 });

interface Case {
  codec: Codec<object>;
  values: fc.Arbitrary<object>;
}

function a<Message extends object>(
  codec: Codec<Message>,
  fields: { [Name in keyof Message]: fc.Arbitrary<Message[Name]> },
): Case {
  return { codec: codec as unknown as Codec<object>, values: fc.record(fields) };
}

const cases: Record<string, Case> = {
  PubSubInitRequest: a(messages.initRequest, {
    metadata: optional(fc.record({ properties: metadata })),
  }),
  FeaturesResponse: a(messages.featuresResponse, { features: list(text) }),
  PublishRequest: a(messages.publishRequest, {
    data: bytes,
    pubsubName: text,
    topic: text,
    metadata,
    contentType: text,
  }),
  PublishResponse: a(messages.empty, {}),
  BulkPublishRequest: a(messages.bulkPublishRequest, {
    entries: list(fc.record({ entryId: text, event: bytes, contentType: text, metadata })),
    pubsubName: text,
    topic: text,
    metadata,
  }),
  BulkPublishResponse: a(messages.bulkPublishResponse, {
    failedEntries: list(fc.record({ entryId: text, error: text })),
  }),
  PullMessagesRequest: a(messages.pullMessagesRequest, {
    topic: optional(fc.record({ name: text, metadata })),
    ackMessageId: text,
    ackError: optional(fc.record({ message: text })),
  }),
  PullMessagesResponse: a(messages.pullMessagesResponse, {
    data: bytes,
    topicName: text,
    metadata,
    contentType: text,
    id: text,
  }),
};

/** What protobufjs reads, with defaults for absent fields and undefined for absent messages. */
function readByProtobufjs(name: string, encoded: Buffer): object {
  const type = contract.lookupType(name);
  const message = type.toObject(type.decode(encoded), { defaults: true });
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, value ?? undefined]),
  );
}

function writtenByProtobufjs(name: string, message: object): Buffer {
  return Buffer.from(contract.lookupType(name).encode(message).finish());
}

/** Bytes that are nearly the message: some changed, some missing. */
function spoiled(encoded: Buffer, changes: [at: number, value: number][], length: number): Buffer {
  const bytes = Buffer.from(encoded);
  for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
  return bytes.subarray(0, Math.max(0, bytes.length - length));
}

/** Decodes the bytes with other bytes around them. */
function decodeAmong({ codec }: Case, encoded: Buffer): { message: object; input: Buffer } {
  // Node's pool would give a copy the same memory as the input, and it would look like a view.
  const input = Buffer.allocUnsafeSlow(3 + encoded.length + 300).fill(0x0a);
  encoded.copy(input, 3);
  return { message: codec.decode(input, 3, 3 + encoded.length), input };
}

/** Every bytes value in a message, however deep. */
function views(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === 'object' && value ? Object.values(value).flatMap(views) : [];
}

for (const [name, kind] of Object.entries(cases)) {
  const { codec, values } = kind;

  test(`${name}: reads what protobufjs writes`, () => {
    fc.assert(
      fc.property(values, (message) => {
        expect(decodeAmong(kind, writtenByProtobufjs(name, message)).message).toEqual(message);
      }),
    );
  });

  test(`${name}: writes what protobufjs reads, in as many bytes as its size`, () => {
    fc.assert(
      fc.property(values, (message) => {
        const size = codec.size(message);
        const target = Buffer.alloc(size + 20, 0xff);
        codec.write(message, target, 10);
        expect(readByProtobufjs(name, target.subarray(10, 10 + size))).toEqual(message);
        expect(target.subarray(0, 10)).toEqual(Buffer.alloc(10, 0xff));
        expect(target.subarray(10 + size)).toEqual(Buffer.alloc(10, 0xff));
      }),
    );
  });

  test(`${name}: reads broken bytes within their range or refuses them`, () => {
    const changes = fc.array(fc.tuple(fc.nat(1_000), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(values, changes, fc.nat(20), (message, changes, cut) => {
        const broken = spoiled(writtenByProtobufjs(name, message), changes, cut);
        try {
          const { message, input } = decodeAmong(kind, broken);
          for (const view of views(message).filter(({ length }) => length > 0)) {
            const start = view.byteOffset - input.byteOffset;
            // The smaller part of a request is copied.
            if (view.buffer !== input.buffer) continue;
            expect(start).toBeGreaterThanOrEqual(3);
            expect(start + view.length).toBeLessThanOrEqual(3 + broken.length);
          }
          // What was understood can be written, and is understood again.
          const written = encode(codec, message);
          expect(codec.decode(written, 0, written.length)).toEqual(message);
        } catch (error) {
          if (!(error instanceof ProtobufError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`${name}: reads an empty message`, () => {
    expect(codec.decode(Buffer.alloc(0), 0, 0)).toEqual(readByProtobufjs(name, Buffer.alloc(0)));
  });
}

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom(...Object.values(cases)),
      (array, kind) => {
        try {
          decodeAmong(kind, Buffer.from(array));
        } catch (error) {
          if (!(error instanceof ProtobufError)) throw error;
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a topic that is sent in two parts is merged', () => {
  const write = (topic: messages.Topic) =>
    encode(messages.pullMessagesRequest, { topic, ackMessageId: '', ackError: undefined });
  const parts = [
    write({ name: 'a', metadata: { k: '1' } }),
    write({ name: '', metadata: { l: '2' } }),
  ];
  const bytes = Buffer.concat(parts);
  expect(messages.pullMessagesRequest.decode(bytes, 0, bytes.length).topic).toEqual({
    name: 'a',
    metadata: { k: '1', l: '2' },
  });
});

test('a lone surrogate is sent as U+FFFD: daprd refuses a message with broken UTF-8', () => {
  const message = {
    data: Buffer.alloc(0),
    topicName: '\ud800',
    metadata: { '\udc00': '\ud800' },
    contentType: '',
    id: '',
  };
  const bytes = encode(messages.pullMessagesResponse, message);
  expect(messages.pullMessagesResponse.decode(bytes, 0, bytes.length)).toMatchObject({
    topicName: '\ufffd',
    metadata: { '\ufffd': '\ufffd' },
  });
});

test('data that is the smaller part of its request does not keep the request', () => {
  const padding = { metadata: { a: 'x'.repeat(1_000) } };
  const codec = messages.publishRequest;
  const written = encode(codec, { ...codec.create(), data: Buffer.from('small'), ...padding });
  const input = Buffer.allocUnsafeSlow(written.length);
  written.copy(input);
  const { data } = codec.decode(input, 0, input.length);
  expect(Buffer.from(data).toString()).toBe('small');
  expect(data.buffer).not.toBe(input.buffer);
});
