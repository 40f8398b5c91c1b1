import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ConstantField,
  constantRoom,
  HeaderEncoder,
  literalSize,
} from '../../../src/grpc/http2/header-encoder.ts';
import type { HeaderField } from '../../../src/grpc/http2/hpack-decoder.ts';
import { newDecoder } from '../../support/hpack-decoder.ts';

const contentType = new ConstantField('content-type', 'application/grpc');
const statusOk = new ConstantField('grpc-status', '0');
const constants = [contentType, statusOk, new ConstantField('x-long', 'v'.repeat(200))];
const fieldsOf: HeaderField[] = [
  ['content-type', 'application/grpc'],
  ['grpc-status', '0'],
  ['x-long', 'v'.repeat(200)],
];

type Part = { constant: number } | { literal: HeaderField } | 'status';

/** Encodes one block, which has other bytes before and after it. */
function encode(encoder: HeaderEncoder, parts: readonly Part[]): Buffer {
  const target = Buffer.alloc(100_000, 0xee);
  let at = encoder.begin(target, 7);
  for (const part of parts) {
    if (part === 'status') at = encoder.status200(target, at);
    else if ('constant' in part) {
      at = encoder.constant(target, at, constants[part.constant] as ConstantField);
    } else {
      const [name, value] = part.literal;
      const end = encoder.literal(target, at, name, value);
      expect(end - at).toBeLessThanOrEqual(literalSize(name, value));
      at = end;
    }
  }
  expect(target.subarray(0, 7)).toEqual(Buffer.alloc(7, 0xee));
  return target.subarray(7, at);
}

const expected = (parts: readonly Part[]): HeaderField[] =>
  parts.map((part) => {
    if (part === 'status') return [':status', '200'];
    return 'constant' in part ? (fieldsOf[part.constant] as HeaderField) : part.literal;
  });

const octets = fc
  .uint8Array({ maxLength: 60 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.nat(2).map((constant) => ({ constant })),
  fc.constant<Part>('status'),
  fc.tuple(octets, octets).map((literal) => ({ literal })),
);

const decode = (decoder: ReturnType<typeof newDecoder>, block: Buffer) =>
  decoder.decode(block, 0, block.length);

test('a decoder reads back every block, also after the peer has asked for a small table', () => {
  const blocks = fc.array(fc.array(part, { maxLength: 6 }), { maxLength: 8 });
  const limit = fc.record({ before: fc.nat(8), size: fc.oneof(fc.nat(4_095), fc.nat(100_000)) });
  fc.assert(
    fc.property(blocks, limit, (blocks, { before, size }) => {
      const encoder = new HeaderEncoder();
      let decoder = newDecoder();
      for (const [index, parts] of blocks.entries()) {
        if (index === before) {
          encoder.limitTable(size);
          // What is sent from now on has to do with a table of that size.
          const small = newDecoder({ tableSize: size });
          if (size < 4_096) decoder = small;
        }
        expect(decode(decoder, encode(encoder, parts))).toEqual(expected(parts));
      }
    }),
  );
});

describe('constant fields', () => {
  test('enter the table once, and are one byte after that, whatever came between', () => {
    const encoder = new HeaderEncoder();
    const decoder = newDecoder();
    const first = [{ constant: 0 }, { constant: 1 }, { constant: 0 }];
    expect(decode(decoder, encode(encoder, first))).toEqual(expected(first));
    expect(decoder.changes).toBe(2);
    expect(encode(encoder, [{ constant: 1 }]).toString('hex')).toBe('be');
    expect(encode(encoder, [{ constant: 0 }]).toString('hex')).toBe('bf');
    const third = [{ constant: 2 }];
    expect(decode(decoder, encode(encoder, third))).toEqual(expected(third));
    expect(encode(encoder, [{ constant: 0 }]).toString('hex')).toBe('c0');
    expect(decoder.changes).toBe(3);
  });

  test('are written in full for a peer that wants a small table, after a table size of 0', () => {
    const encoder = new HeaderEncoder();
    encode(encoder, [{ constant: 0 }]);
    encoder.limitTable(100);
    encoder.limitTable(4_096);
    const block = encode(encoder, [{ constant: 0 }]);
    expect(block[0]).toBe(0x20);
    const decoder = newDecoder({ tableSize: 100 });
    expect(decode(decoder, block)).toEqual(expected([{ constant: 0 }]));
    const next = encode(encoder, [{ constant: 0 }]);
    expect(next[0]).toBe(0x00);
    expect(decode(decoder, next)).toEqual(expected([{ constant: 0 }]));
  });

  test('a peer that allows a larger table changes nothing', () => {
    const encoder = new HeaderEncoder();
    encode(encoder, [{ constant: 0 }]);
    encoder.limitTable(65_536);
    expect(encode(encoder, [{ constant: 0 }]).toString('hex')).toBe('be');
  });

  test('the room for a block of constants holds all that such a block may have', () => {
    const encoder = new HeaderEncoder();
    encoder.limitTable(0);
    const target = Buffer.alloc(constantRoom);
    let at = encoder.status200(target, encoder.begin(target, 0));
    at = encoder.constant(target, at, contentType);
    at = encoder.constant(target, at, statusOk);
    expect(at).toBeLessThanOrEqual(constantRoom);
  });
});

test('lengths at which an integer gets one more byte', () => {
  for (const length of [
    126,
    127,
    128,
    254,
    255,
    127 + 127,
    127 + 128,
    127 + 16_383,
    127 + 16_384,
    70_000,
  ]) {
    const literal: HeaderField = ['x', 'v'.repeat(length)];
    const decoder = newDecoder({ listSize: 100_000 });
    expect(decode(decoder, encode(new HeaderEncoder(), [{ literal }]))).toEqual([literal]);
  }
});
