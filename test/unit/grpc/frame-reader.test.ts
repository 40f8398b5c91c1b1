import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../../src/grpc/http2/frame-reader.ts';
import { ConnectionError, flag, frame, frameSize } from '../../../src/grpc/http2/frames.ts';
import { cutAt, frameBytes, preface } from '../../support/grpc-frames.ts';

interface Seen {
  type: number;
  streamId: number;
  payload: string;
  flags?: number;
  padding?: number;
  endStream?: boolean;
}

/** Reads chunks. Pieces of one DATA frame, which arrive as they come, are put together. */
function read(chunks: Buffer[]): { frames: Seen[]; pieces: number } {
  const frames: Seen[] = [];
  let pieces = 0;
  /** The stream of the DATA frame that goes on; a frame of its own begins with each header in the input. */
  let left = 0;
  const reader = new FrameReader({
    data: (streamId, bytes, start, end, padding, endStream) => {
      pieces++;
      const payload = bytes.toString('latin1', start, end);
      const last = frames.at(-1);
      if (left > 0 && last) {
        last.payload += payload;
        last.endStream = endStream;
      } else {
        left = lengths.shift() ?? 0;
        frames.push({ type: frame.data, streamId, payload, padding, endStream });
      }
      left -= end - start;
    },
    frame: (type, flags, streamId, bytes, start, end) => {
      frames.push({ type, flags, streamId, payload: bytes.toString('latin1', start, end) });
    },
  });
  const lengths = dataLengths(Buffer.concat(chunks));
  for (const chunk of chunks) reader.push(chunk);
  return { frames, pieces };
}

/** Returns the body lengths of the DATA frames in a whole input. */
function dataLengths(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = preface.length; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] !== frame.data) continue;
    const padded = ((bytes[at + 4] ?? 0) & flag.padded) !== 0;
    const length = bytes.readUIntBE(at, 3);
    lengths.push(padded ? length - 1 - (bytes[at + 9] ?? 0) : length);
  }
  return lengths;
}

const length = fc.oneof(fc.nat(40), fc.constantFrom(0, 1, 1_000, frameSize - 1, frameSize));

/** A frame with the bytes that it is sent as. */
const anyFrame: fc.Arbitrary<{ bytes: Buffer; seen: Seen }> = fc
  .record({
    type: fc.oneof(fc.constant<number>(frame.data), fc.nat(255)),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    length,
    fill: fc.nat(255),
    padding: fc.nat(255),
    reserved: fc.boolean(),
  })
  .map(({ type, flags, streamId, length, fill, padding, reserved }) => {
    const padded = type === frame.data && (flags & flag.padded) !== 0;
    const body = Buffer.alloc(padded ? Math.min(length, 300) : length, fill);
    const payload = padded
      ? Buffer.concat([Buffer.of(padding), body, Buffer.alloc(padding, 0xee)])
      : body;
    const bytes = frameBytes(type, flags, streamId, payload);
    // The reserved bit is to be ignored.
    if (reserved) bytes.writeUInt8((bytes[5] ?? 0) | 0x80, 5);
    const common = { type, streamId, payload: body.toString('latin1') };
    const seen =
      type === frame.data
        ? {
            ...common,
            padding: padded ? padding + 1 : 0,
            endStream: (flags & flag.endStream) !== 0,
          }
        : { ...common, flags };
    return { bytes, seen };
  });

describe('a sequence of frames', () => {
  test('is read the same way, wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.oneof(fc.nat(60), fc.nat(40_000)), { maxLength: 12 }),
        (frames, places) => {
          const bytes = Buffer.concat([preface, ...frames.map((one) => one.bytes)]);
          expect(read(cutAt(bytes, places)).frames).toEqual(frames.map((one) => one.seen));
        },
      ),
    );
  });

  test('is read the same way byte by byte', () => {
    const bytes = Buffer.concat([
      preface,
      frameBytes(frame.settings, 0, 0),
      frameBytes(frame.data, flag.padded, 3, Buffer.from('\x02body..', 'latin1')),
      frameBytes(frame.data, 0, 3),
      frameBytes(frame.data, flag.endStream, 1, Buffer.from('abc')),
      frameBytes(0xfa, 0xff, 7, Buffer.from('unknown')),
    ]);
    const single = [...bytes].map((byte) => Buffer.of(byte));
    expect(read(single).frames).toEqual(read([bytes]).frames);
    expect(read([bytes]).frames.map(({ payload }) => payload)).toEqual([
      '',
      'body',
      '',
      'abc',
      'unknown',
    ]);
  });
});

test('DATA goes on as it arrives, and only its last piece ends the stream', () => {
  const bytes = Buffer.concat([
    preface,
    frameBytes(frame.data, flag.endStream, 1, Buffer.from('abcdef')),
  ]);
  const ends: boolean[] = [];
  const reader = new FrameReader({
    data: (_, __, start, end, ___, endStream) => {
      expect(end - start).toBe(2);
      ends.push(endStream);
    },
    frame: () => expect.fail('there is no other frame'),
  });
  reader.push(bytes.subarray(0, -4));
  expect(ends).toEqual([false]);
  reader.push(bytes.subarray(-4, -2));
  reader.push(bytes.subarray(-2));
  expect(ends).toEqual([false, false, true]);
});

describe('what is refused', () => {
  const ofLength = (length: number, type: number) => {
    const header = frameBytes(type, 0, 1);
    header.writeUIntBE(length, 0, 3);
    return Buffer.concat([preface, header]);
  };

  test.each([
    ['DATA', frame.data],
    ['HEADERS', frame.headers],
    ['an unknown type', 0x77],
  ])('%s longer than 16,384 bytes, as soon as its header is there', (_, type) => {
    const bytes = ofLength(frameSize + 1, type);
    const error = { code: 'FRAME_SIZE_ERROR', message: expect.stringContaining('16385') };
    expect(() => read([bytes])).toThrow(expect.objectContaining(error));
    expect(() => read(cutAt(bytes, [27, 30]))).toThrow(expect.objectContaining(error));
    expect(read([ofLength(frameSize, type)]).frames).toEqual([]);
  });

  test('a preface that is wrong in any byte', () => {
    for (let at = 0; at < preface.length; at++) {
      const bytes = Buffer.from(preface);
      bytes.writeUInt8((bytes[at] ?? 0) ^ 0x20, at);
      expect(() => read([bytes])).toThrow(ConnectionError);
      expect(() => read(cutAt(bytes, [at, at + 1]))).toThrow(ConnectionError);
      // What comes before it is no reason.
      expect(read([bytes.subarray(0, at)]).frames).toEqual([]);
    }
  });

  test.each([
    ['nothing in the frame', Buffer.alloc(0)],
    ['as much padding as payload', Buffer.of(3, 0, 0)],
    ['more padding than payload', Buffer.of(255, 0, 0)],
  ])('padded DATA with %s', (_, payload) => {
    const bytes = Buffer.concat([preface, frameBytes(frame.data, flag.padded, 1, payload)]);
    const error = expect.objectContaining({ code: 'PROTOCOL_ERROR' });
    expect(() => read([bytes])).toThrow(error);
    expect(() => read(cutAt(bytes, [26, 33]))).toThrow(error);
  });
});
