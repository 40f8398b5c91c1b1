import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtobufError, Reader } from '../../../src/protobuf/reader.ts';

function reader(...bytes: number[]): Reader {
  return new Reader(Buffer.from(bytes), 0, bytes.length);
}

/** Reads the first tag and skips the field. Returns whether the message ends there. */
function skipFirst(...bytes: number[]): boolean {
  const fields = reader(...bytes);
  fields.skip(fields.tag());
  return fields.tag() === 0;
}

/** The string field 1 with this content. */
function stringField(content: Buffer): Reader {
  const fields = new Reader(
    Buffer.concat([Buffer.from([0x0a, content.length]), content]),
    0,
    content.length + 2,
  );
  fields.tag();
  return fields;
}

test('a tag of 0 stands for the end', () => {
  expect(reader().tag()).toBe(0);
});

test('refuses field number 0', () => {
  for (const first of [0, 1, 2, 7]) expect(() => reader(first).tag()).toThrow('field number 0');
  expect(() => reader(0x80, 0x00).tag()).toThrow('field number 0');
});

test('reads the largest field number and refuses a larger one', () => {
  expect(reader(0xfa, 0xff, 0xff, 0xff, 0x0f).tag() >>> 3).toBe(2 ** 29 - 1);
  expect(() => reader(0xfa, 0xff, 0xff, 0xff, 0x1f).tag()).toThrow('more than 32 bits');
});

test('reads a varint that is longer than it must be, up to 10 bytes', () => {
  expect(reader(0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).tag()).toBe(0x0a);
  expect(() => reader(0x8a, ...new Array(9).fill(0x80), 0x00).tag()).toThrow('more than 64 bits');
  expect(() => reader(...new Array(9).fill(0xff), 0x02).int32()).toThrow('more than 64 bits');
});

test('reads int32 as the low 32 bits of a varint', () => {
  expect(reader(0x96, 0x01).int32()).toBe(150);
  expect(reader(...new Array(9).fill(0xff), 0x01).int32()).toBe(-1);
  expect(reader(0x80, 0x80, 0x80, 0x80, 0x08).int32()).toBe(-(2 ** 31));
  expect(reader(0x81, 0x80, 0x80, 0x80, 0x10).int32()).toBe(1);
});

test('refuses a varint, a length and a fixed value that go beyond the end', () => {
  const cut = 'the message ends within a field';
  expect(() => reader(0x80).tag()).toThrow(cut);
  expect(() => skipFirst(0x08)).toThrow(cut);
  expect(() => skipFirst(0x08, 0x80)).toThrow(cut);
  expect(() => skipFirst(0x0a)).toThrow(cut);
  expect(() => skipFirst(0x0a, 1)).toThrow(cut);
  expect(() => skipFirst(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)).toThrow(cut);
  expect(() => skipFirst(0x0d, 0, 0, 0)).toThrow(cut);
  expect(() => skipFirst(0x09, 0, 0, 0, 0, 0, 0, 0)).toThrow(cut);
});

test('refuses a length of more than 32 bits', () => {
  expect(() => skipFirst(0x0a, 0x80, 0x80, 0x80, 0x80, 0x10)).toThrow('more than 32 bits');
});

test('skips a field of every wire type', () => {
  expect(skipFirst(0x08, 0xff, 0x01)).toBe(true);
  expect(skipFirst(0x09, 0, 0, 0, 0, 0, 0, 0, 0)).toBe(true);
  expect(skipFirst(0x0a, 2, 0, 0)).toBe(true);
  expect(skipFirst(0x0d, 0, 0, 0, 0)).toBe(true);
  expect(skipFirst(0x0b, 0x08, 1, 0x13, 0x12, 1, 0, 0x14, 0x0c)).toBe(true);
});

test('refuses wire types that do not exist', () => {
  expect(() => skipFirst(0x0e)).toThrow('wire type 6 of field 1');
  expect(() => skipFirst(0x0f)).toThrow('wire type 7 of field 1');
});

test('refuses groups that do not match, do not end or are nested too deep', () => {
  expect(() => skipFirst(0x0c)).toThrow('group 1 ends but did not start');
  expect(() => skipFirst(0x0b, 0x14)).toThrow('group 2 ends but did not start');
  expect(() => skipFirst(0x0b, 0x08, 1)).toThrow('group 1 does not end');
  const nested = (depth: number) => [
    ...new Array(depth).fill(0x0b),
    ...new Array(depth).fill(0x0c),
  ];
  expect(skipFirst(...nested(100))).toBe(true);
  expect(() => skipFirst(...nested(101))).toThrow('more than 100 nested groups');
  expect(() => skipFirst(...new Array(50_000).fill(0x0b))).toThrow(ProtobufError);
});

test('reads bytes as a view', () => {
  const input = Buffer.from([0xff, 0x0a, 2, 7, 8, 0xff]);
  const fields = new Reader(input, 1, 5);
  fields.tag();
  const value = fields.bytes();
  input[3] = 9;
  expect([...value]).toEqual([9, 8]);
  expect(fields.tag()).toBe(0);
});

test('reads any text, whether it was read before or not', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '\0', '\x7f', 'é', '€', '\ufffd', '𝄞'),
    maxLength: 30,
  });
  fc.assert(
    fc.property(text, (text) => {
      const content = Buffer.from(text);
      expect(stringField(content).string()).toBe(text);
      expect(stringField(content).name()).toBe(text);
      expect(stringField(content).name()).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test('does not mistake a name for a similar one', () => {
  const names = ['orders', 'odders', 'oroers', 'ordeus', ''];
  for (const name of [...names, ...names]) {
    expect(stringField(Buffer.from(name)).name()).toBe(name);
  }
});

test('refuses a string that is not UTF-8', () => {
  const broken = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], new Array(40).fill(0x80)];
  for (const bytes of broken) {
    const content = Buffer.from(bytes);
    expect(() => stringField(content).string()).toThrow('a string is not valid UTF-8');
    expect(() => stringField(content).name()).toThrow('a string is not valid UTF-8');
  }
});

test('refuses a name that goes beyond the end', () => {
  expect(() => reader().name()).toThrow(ProtobufError);
  expect(() => reader(3, 0x61, 0x62).name()).toThrow(ProtobufError);
});

test('a message inside of a message ends where its length says', () => {
  // Field 1 is a message of 2 bytes; its string says 2 bytes but only the outer message has them.
  const fields = reader(0x0a, 2, 0x0a, 2, 0x61, 0x62);
  fields.tag();
  const outer = fields.enter();
  fields.tag();
  expect(() => fields.string()).toThrow('the message ends within a field');
  expect(() => reader(3, 0, 0).enter()).toThrow('the message ends within a field');
  expect(outer).toBe(6);
});

test('refuses a range outside of the bytes', () => {
  const bytes = Buffer.alloc(4);
  expect(() => new Reader(bytes, 0, 5)).toThrow(RangeError);
  expect(() => new Reader(bytes, 3, 2)).toThrow(RangeError);
  expect(() => new Reader(bytes, -1, 2)).toThrow(RangeError);
});

test('refuses more nested messages than could be meant', () => {
  const reader = (count: number) => {
    const bytes = Buffer.alloc(count);
    const found = new Reader(bytes, 0, count);
    for (let index = 0; index < count; index++) found.leave(found.enter());
  };
  expect(() => reader(32_768)).not.toThrow();
  expect(() => reader(32_769)).toThrow('more than 32768 messages inside one message');
});
