import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HeaderField, HpackError } from '../../../src/grpc/http2/hpack-decoder.ts';
import { staticTable } from '../../../src/grpc/http2/static-table.ts';
import { decode, newDecoder, tableOf } from '../../support/hpack-decoder.ts';
import { HpackEncoder, listSize, type Representation } from '../../support/hpack-encoder.ts';

const octets = (maxLength: number) =>
  fc
    .oneof(
      fc.uint8Array({ maxLength }),
      fc.array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength }),
    )
    .map((values) => Buffer.from(values).toString('latin1'));

// Few names and values, so that a field is often in a table already.
const field: fc.Arbitrary<HeaderField> = fc.oneof(
  fc.constantFrom(...staticTable),
  fc.tuple(
    fc.constantFrom(':path', 'grpc-timeout', 'x-component-instance'),
    fc.constantFrom('', '/dapr.proto.components.v1.PubSub/Publish', '4999m', 'v'.repeat(500)),
  ),
  fc.tuple(octets(40), octets(150)),
);

const representation: fc.Arbitrary<Representation> = fc.record({
  as: fc.constantFrom('indexed', 'indexed', 'inserted', 'not indexed', 'never indexed'),
  nameIndex: fc.boolean(),
  highest: fc.boolean(),
  huffmanName: fc.boolean(),
  huffmanValue: fc.boolean(),
});

interface PlannedBlock {
  sizes: number[];
  fields: [HeaderField, Representation][];
}

const plannedBlock = (fields: number): fc.Arbitrary<PlannedBlock> =>
  fc.record({
    sizes: fc.oneof(
      { weight: 4, arbitrary: fc.constant<number[]>([]) },
      fc.array(fc.oneof(fc.nat(4_096), fc.nat(200)), { maxLength: 2 }),
    ),
    fields: fc.array(fc.tuple(field, representation), { maxLength: fields }),
  });

const plan = fc.array(plannedBlock(12), { minLength: 1, maxLength: 8 });

const write = (encoder: HpackEncoder, { sizes, fields }: PlannedBlock) =>
  Buffer.concat([
    ...sizes.map((size) => encoder.resize(size)),
    ...fields.map(([of, how]) => encoder.field(of, how)),
  ]);

const fieldsOf = ({ fields }: PlannedBlock) => fields.map(([of]) => of);

describe('blocks that an encoder wrote in any way', () => {
  test('are decoded to its fields', () => {
    fc.assert(
      fc.property(plan, (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = newDecoder();
        for (const block of blocks) {
          const before = encoder.changes;
          const bytes = write(encoder, block);
          expect(decode(decoder, bytes)).toEqual(fieldsOf(block));
          expect(decoder.changes).toBe(encoder.changes);
          // A block that changes nothing may be kept by its bytes.
          if (encoder.changes === before) expect(decode(decoder, bytes)).toEqual(fieldsOf(block));
        }
        expect(tableOf(decoder)).toEqual(encoder.table);
      }),
    );
  });

  test('are too large when their fields are, and the next block is decoded all the same', () => {
    fc.assert(
      fc.property(plan, fc.nat(2_000), (blocks, limit) => {
        const encoder = new HpackEncoder();
        const decoder = newDecoder({ listSize: limit });
        for (const block of blocks) {
          const list = decode(decoder, write(encoder, block));
          const fields = fieldsOf(block);
          expect(list).toEqual(listSize(fields) > limit ? 'too-large' : fields);
          expect(decoder.changes).toBe(encoder.changes);
        }
      }),
    );
  });

  test('are decoded up to where they were cut off, or rejected', () => {
    fc.assert(
      fc.property(plan, plannedBlock(4), (blocks, last) => {
        const encoder = new HpackEncoder();
        const written = blocks.map((block) => write(encoder, block));
        const bytes = write(encoder, last);
        for (let length = 0; length < Math.min(bytes.length, 60); length++) {
          const decoder = newDecoder();
          for (const block of written) decode(decoder, block);
          try {
            const fields = decode(decoder, bytes.subarray(0, length));
            expect(fields).toEqual(fieldsOf(last).slice(0, fields.length));
          } catch (error) {
            expect(error).toBeInstanceOf(HpackError);
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('blocks that no encoder wrote', () => {
  const limit = 5_000;

  /** Decodes a block on top of others. Returns whether it was accepted. */
  const decodesSafely = (before: Buffer[], block: Buffer) => {
    const decoder = newDecoder({ listSize: limit });
    for (const bytes of before) decode(decoder, bytes);
    let accepted = false;
    try {
      const list = decode(decoder, block);
      if (list !== 'too-large') expect(listSize(list)).toBeLessThanOrEqual(limit);
      accepted = true;
    } catch (error) {
      expect(error).toBeInstanceOf(HpackError);
    }
    expect(listSize(tableOf(decoder))).toBeLessThanOrEqual(4_096);
    return accepted;
  };

  test('are decoded or rejected when they are random bytes, within the bounds of memory', () => {
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0x82, 0xbe, 0x40, 0x3f, 0x7f, 0xff, 0x00));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 200 }), (values) => {
        if (decodesSafely([], Buffer.from(values))) accepted++;
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  test('are decoded or rejected when a valid block was changed, within the bounds of memory', () => {
    const change = fc.record({
      at: fc.nat(1_000),
      removed: fc.nat(3),
      added: fc.uint8Array({ maxLength: 3 }),
    });
    let accepted = 0;
    let rejected = 0;
    fc.assert(
      fc.property(plan, plannedBlock(12), change, (blocks, last, { at, removed, added }) => {
        const encoder = new HpackEncoder();
        const written = blocks.map((block) => write(encoder, block));
        const bytes = write(encoder, last);
        const from = at % (bytes.length + 1);
        const changed = [bytes.subarray(0, from), added, bytes.subarray(from + removed)];
        if (decodesSafely(written, Buffer.concat(changed))) accepted++;
        else rejected++;
      }),
      { numRuns: 200 },
    );
    expect(accepted).toBeGreaterThan(10);
    expect(rejected).toBeGreaterThan(10);
  });
});
