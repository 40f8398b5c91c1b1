import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefixSize } from '../../../src/grpc/message-prefix.ts';
import { MessageReader } from '../../../src/grpc/message-reader.ts';
import { code } from '../../../src/grpc/status.ts';
import { FakeConnection } from '../../support/grpc-connection.ts';
import { cutAt } from '../../support/grpc-frames.ts';

/** Returns a message as it is sent. */
function prefixed(message: Uint8Array, compressed = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(prefixSize);
  prefix.writeUInt8(compressed);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** Buffers are compared by these, which is faster. */
const prints = (messages: Buffer[]) => messages.map((one) => `${one.length}:${crc32(one)}`);

/** A reader, and what it has read. */
class Reading {
  readonly messages: Buffer[] = [];
  paused = false;
  /** Pauses after each message. */
  single = false;
  readonly reader: MessageReader;

  constructor(connection: FakeConnection) {
    this.reader = new MessageReader(connection, this);
  }

  message(bytes: Buffer, start: number, end: number): void {
    this.messages.push(Buffer.from(bytes.subarray(start, end)));
    this.paused = this.single;
  }

  /** Reads the chunk from the middle of a larger buffer. Returns the bytes that are left. */
  read(chunk: Buffer): Buffer {
    const around = Buffer.alloc(3, 0xee);
    const bytes = Buffer.concat([around, chunk, around]);
    const at = this.reader.read(bytes, 3, bytes.length - 3);
    return bytes.subarray(at, -3);
  }
}

const size = fc.oneof(fc.nat(20), fc.constantFrom(0, 1, 1_019, 1_020, 5_000, 70_000));
const message = fc.tuple(size, fc.nat(255)).map(([length, fill]) => Buffer.alloc(length, fill));

test('any messages, cut anywhere, are read whole, and nothing stays reserved', () => {
  const places = fc.array(fc.oneof(fc.nat(60), fc.nat(100_000)), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), places, (messages, places) => {
      const connection = new FakeConnection();
      const reading = new Reading(connection);
      const bytes = Buffer.concat(messages.map((one) => prefixed(one)));
      for (const chunk of cutAt(bytes, places)) expect(reading.read(chunk).length).toBe(0);
      expect(prints(reading.messages)).toEqual(prints(messages));
      expect(reading.reader.unfinished).toBe(false);
      expect(connection.held).toBe(0);
      expect(connection.totals.held).toBe(0);
    }),
  );
});

test('a sink that pauses after each message gets them one at a time', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.nat(5_000), (messages, place) => {
      const reading = new Reading(new FakeConnection());
      reading.single = true;
      let held: Buffer = Buffer.alloc(0);
      let seen = 0;
      for (const chunk of cutAt(Buffer.concat(messages.map((one) => prefixed(one))), [place])) {
        held = Buffer.concat([held, chunk]);
        do {
          reading.paused = false;
          held = reading.read(held);
          expect(reading.messages.length - seen).toBeLessThanOrEqual(1);
          seen = reading.messages.length;
        } while (reading.paused);
      }
      expect(prints(reading.messages)).toEqual(prints(messages));
    }),
  );
});

test('a paused sink gets nothing, and nothing is read', () => {
  const reading = new Reading(new FakeConnection());
  reading.paused = true;
  expect(reading.read(prefixed(Buffer.from('x')))).toHaveLength(6);
  expect(reading.messages).toEqual([]);
});

describe('room', () => {
  const mebi = 1024 * 1024;

  test('is reserved for a message that has begun, and grows with what arrives of a large one', () => {
    const connection = new FakeConnection();
    const { reader } = new Reading(connection);
    const whole = prefixed(Buffer.alloc(0), 0, 10 * mebi);
    reader.read(whole, 0, whole.length);
    expect(reader.unfinished).toBe(true);
    // A peer that only says how much will come gets little.
    expect(connection.held).toBe(mebi);
    const part = Buffer.alloc(mebi);
    reader.read(part, 0, part.length);
    expect(connection.held).toBe(2 * mebi);
    for (let count = 0; count < 8; count++) reader.read(part, 0, part.length);
    expect(connection.held).toBeLessThanOrEqual(10 * mebi + prefixSize);
    expect(connection.totals.held).toBe(connection.held);
    reader.discard();
    expect(reader.unfinished).toBe(false);
    expect(connection.held).toBe(0);
    expect(connection.totals.held).toBe(0);
  });

  test.each(['held', 'heldOfProcess'] as const)('is bounded by %s', (limit) => {
    const connection = new FakeConnection({ [limit]: 5_000, heldShare: 1_000 });
    const first = new Reading(connection);
    first.read(prefixed(Buffer.alloc(1), 0, 3_000));
    const reserved = connection.held;
    const second = new Reading(connection);
    const refused = expect.objectContaining({
      status: expect.objectContaining({ code: code.RESOURCE_EXHAUSTED }),
    });
    expect(() => second.read(prefixed(Buffer.alloc(1), 0, 3_000))).toThrow(refused);
    second.reader.discard();
    expect(connection.held).toBe(reserved);
    // The first one is not harmed by that.
    first.read(Buffer.alloc(2_999));
    expect(first.messages).toHaveLength(1);
    expect(connection.totals.held).toBe(0);
    second.read(prefixed(Buffer.alloc(3_000)));
  });

  test('is not needed for a message that arrives whole', () => {
    const reading = new Reading(new FakeConnection({ held: 0, heldOfProcess: 0 }));
    reading.read(Buffer.concat([prefixed(Buffer.alloc(5_000)), prefixed(Buffer.alloc(0))]));
    expect(reading.messages).toHaveLength(2);
  });
});

describe.each([
  ['whole', (bytes: Buffer) => [bytes]],
  ['byte by byte', (bytes: Buffer) => [...bytes].map((byte) => Buffer.of(byte))],
])('what is refused when it arrives %s', (_, cut) => {
  const readAll = (bytes: Buffer) => {
    const reading = new Reading(new FakeConnection({ message: 100 }));
    for (const chunk of cut(bytes)) reading.read(chunk);
    return reading;
  };
  const status = (expected: object) =>
    expect.objectContaining({ status: expect.objectContaining(expected) });

  test('a message larger than allowed, with both sizes', () => {
    expect(readAll(prefixed(Buffer.alloc(100))).messages).toHaveLength(1);
    const refused = { code: code.RESOURCE_EXHAUSTED, message: expect.stringMatching(/101.*100/) };
    expect(() => readAll(prefixed(Buffer.alloc(101)))).toThrow(status(refused));
    expect(() => readAll(prefixed(Buffer.alloc(0), 0, 2 ** 32 - 1))).toThrow(
      status({ code: code.RESOURCE_EXHAUSTED }),
    );
  });

  test.each([1, 2, 255])('a message with the compressed flag %d', (flag) => {
    expect(() => readAll(prefixed(Buffer.from('x'), flag))).toThrow(
      status({ code: code.INTERNAL }),
    );
    expect(() => readAll(prefixed(Buffer.alloc(0), flag))).toThrow(status({ code: code.INTERNAL }));
  });
});
