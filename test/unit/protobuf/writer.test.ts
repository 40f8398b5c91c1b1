import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Reader } from '../../../src/protobuf/reader.ts';
import {
  textSize,
  varintSize,
  writeLength,
  writeText,
  writeVarint,
} from '../../../src/protobuf/writer.ts';

/** Any text, lone surrogates included. */
const anyText = fc.string({
  unit: fc.oneof(fc.constantFrom('a', 'é', '€', '𝄞', '\ud800', '\udc00')),
  maxLength: 60,
});

test('a varint has the size that varintSize returns and reads as it was written', () => {
  const edges = [0, 1, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28];
  const target = Buffer.alloc(16);
  for (const value of [...edges, 2 ** 31 - 1]) {
    const end = writeVarint(target, 3, value);
    expect(end - 3).toBe(varintSize(value));
    expect(new Reader(target, 3, end).int32()).toBe(value);
  }
});

test('writes text as UTF-8 of the size that textSize returns, lone surrogates as U+FFFD', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const size = textSize(text);
      const target = Buffer.alloc(size + 4, 0xff);
      expect(writeText(target, 2, text)).toBe(2 + size);
      expect(target.toString('utf8', 2, 2 + size)).toBe(text.toWellFormed());
      expect([...target.subarray(0, 2), ...target.subarray(2 + size)]).toEqual(
        new Array(4).fill(0xff),
      );
    }),
  );
});

test.each([
  ['as expected', 127, 127],
  ['longer than expected', 127, 128],
  ['shorter than expected', 128, 127],
  ['two bytes longer', 127, 20_000],
])('a length goes before content that is %s', (_, expected, length) => {
  const target = Buffer.alloc(20_010);
  const start = 1 + varintSize(expected);
  target.fill('x', start, start + length);
  const end = writeLength(target, 1, expected, start + length);
  const content = new Reader(target, 1, end).string();
  expect(content).toBe('x'.repeat(length));
  expect(end).toBe(1 + varintSize(length) + length);
});
