import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { type HeaderField, HpackError } from '../../../src/grpc/http2/hpack-decoder.ts';
import { decode, hex, newDecoder, tableOf } from '../../support/hpack-decoder.ts';
import { encodeInteger, encodeString } from '../../support/hpack-encoder.ts';

describe('an invalid block', () => {
  test.each([
    ['index 0', '80', 'index 0 is not in 1 to 61'],
    ['an index beyond the static table', 'be', 'index 62 is not in 1 to 61'],
    ['an index beyond both tables', '4000 00 bf', 'index 63 is not in 1 to 62'],
    ['a name index beyond the tables', '7f 00 00', 'index 63 is not in 1 to 61'],
    ['an integer without its second byte', 'ff', 'ends within an integer'],
    ['an integer without its last byte', 'ff ff', 'ends within an integer'],
    ['an integer above 2^28', 'ff ff ff ff ff 01', 'more than 4 continuation bytes'],
    ['an integer padded with zeros', 'ff 80 80 80 80 00', 'more than 4 continuation bytes'],
    ['an integer that never ends', `3f ${'ff'.repeat(64)}`, 'more than 4 continuation bytes'],
    ['a length above 2^28', '00 7f ff ff ff ff 01', 'more than 4 continuation bytes'],
    ['no name', '40', 'ends where a string must follow'],
    ['no value', '41', 'ends where a string must follow'],
    ['a name that is longer than the block', '00 05 61', '5 bytes, but the block has 1 left'],
    ['a value that is longer than the block', '00 01 61 7f 00', '127 bytes, but the block has 0'],
    ['a Huffman-coded value longer than the block', '04 83 64 02', '3 bytes, but the block has 2'],
    ['a Huffman-coded value with 8 bits of padding', '04 81 ff', 'less than 8 bits, all ones'],
    ['a Huffman-coded name with EOS', '00 84 ff ff ff ff 00', 'EOS'],
    ['a table size above the limit', '3f e2 1f', 'update to 4097 is above the limit of 4096'],
    ['a table size update after a field', '82 20', 'must come first'],
    ['a table size update after a literal', '00 00 00 20', 'must come first'],
  ])('is rejected: %s', (_, block, message) => {
    const run = () => decode(newDecoder(), block);
    expect(run).toThrow(HpackError);
    expect(run).toThrow(message);
  });

  test('is located in the message', () => {
    const bytes = hex('ffff 82 86 00 05 61 ffff');
    const run = () => newDecoder().decode(bytes, 2, 7);
    expect(run).toThrow(
      'Invalid header block: a string of 5 bytes, but the block has 1 left (byte 4 of 5).',
    );
  });
});

describe('integers', () => {
  test('may be padded with zeros up to 4 continuation bytes', () => {
    const decoder = newDecoder();
    expect(decode(decoder, '3f 80 00', '82')).toEqual([[':method', 'GET']]);
    expect(decode(decoder, '00 7f 80 80 80 00', 'a'.repeat(254), '00')).toEqual([
      ['\xaa'.repeat(127), ''],
    ]);
  });

  test('of each length are read', () => {
    for (const length of [0, 126, 127, 128, 254, 255, 16_510, 16_511]) {
      const value = 'v'.repeat(length);
      expect(decode(newDecoder(), '04', encodeString(value, false))).toEqual([[':path', value]]);
    }
  });
});

describe('the dynamic table', () => {
  const insert = (name: string, value: string) =>
    Buffer.concat([Buffer.of(0x40), encodeString(name, false), encodeString(value, false)]);

  test('evicts the oldest fields when a new one needs their space', () => {
    const decoder = newDecoder();
    const fields = Array.from({ length: 300 }, (_, at): HeaderField => [`name-${at}`, 'value']);
    for (const [name, value] of fields) decode(decoder, insert(name, value));
    // 45 bytes each with three digits.
    expect(tableOf(decoder)).toEqual(fields.slice(-91).reverse());
  });

  test('holds the smallest fields there are', () => {
    const decoder = newDecoder();
    expect(decode(decoder, '40 00 00'.repeat(200))).toHaveLength(200);
    expect(tableOf(decoder)).toHaveLength(128);
  });

  // Each field has 33 bytes.
  test.each([
    [100, '', 124],
    [4_096, '', 124],
    [10_000, '3f f1 4d', 303],
  ])('for a setting of %i bytes holds as many fields as fit', (tableSize, update, count) => {
    const decoder = newDecoder({ tableSize });
    const fields = Array.from(
      { length: 400 },
      (_, at): HeaderField => ['', String.fromCharCode(at % 256)],
    );
    const block = Buffer.concat(fields.map((field) => insert(...field)));
    expect(decode(decoder, update, block)).toEqual(fields);
    expect(tableOf(decoder)).toEqual(fields.slice(-count).reverse());
  });

  test('does not keep evicted fields in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage: () => void = runInNewContext('gc');
    const decoder = newDecoder();
    // In a function of its own, because V8 may keep what a running function has used.
    const insertThree = () => {
      const fields = decode(decoder, '40 00 00 40 00 00 40 00 00');
      return fields === 'too-large' ? [] : fields.map((field) => new WeakRef(field));
    };
    const fields = insertThree();
    const kept = () => fields.filter((field) => field.deref() !== undefined).length;
    const collected = (count: number) =>
      vi.waitFor(() => {
        collectGarbage();
        expect(kept()).toBe(count);
      });
    await collected(3);
    decode(decoder, encodeInteger(70, 5, 0x20));
    await collected(2);
  });

  test('becomes empty when a field is larger than the table', () => {
    const decoder = newDecoder();
    decode(decoder, insert('a', 'b'));
    const field: HeaderField = ['large', 'v'.repeat(4_096 - 32 - 4)];
    expect(decode(decoder, insert(...field))).toEqual([field]);
    expect(tableOf(decoder)).toEqual([]);
    decode(decoder, insert('a', 'b'));
    expect(tableOf(decoder)).toEqual([['a', 'b']]);
  });

  test('holds a field of exactly its size', () => {
    const decoder = newDecoder();
    const field: HeaderField = ['large', 'v'.repeat(4_096 - 32 - 5)];
    decode(decoder, insert('a', 'b'), insert(...field));
    expect(tableOf(decoder)).toEqual([field]);
  });

  test('gives a name to the field that evicts it', () => {
    const decoder = newDecoder();
    const name = 'n'.repeat(3_000);
    const value = 'v'.repeat(500);
    decode(decoder, insert(name, 'a'));
    expect(decode(decoder, '7e', encodeString(value, false), 'be')).toEqual([
      [name, value],
      [name, value],
    ]);
    expect(tableOf(decoder)).toEqual([[name, value]]);
  });

  test('is cleared by a size update to 0 and grows again', () => {
    const decoder = newDecoder();
    decode(decoder, insert('a', 'b'), insert('c', 'd'));
    expect(decode(decoder, '20')).toEqual([]);
    expect(tableOf(decoder)).toEqual([]);
    decode(decoder, insert('a', 'b'));
    expect(tableOf(decoder)).toEqual([]);
    decode(decoder, '20', '3f e1 1f', insert('a', 'b'));
    expect(tableOf(decoder)).toEqual([['a', 'b']]);
  });

  test('has 4,096 bytes until the peer uses a larger one', () => {
    const decoder = newDecoder({ tableSize: 10_000 });
    const value = 'v'.repeat(2_000);
    const all = [insert('a', value), insert('b', value), insert('c', value)];
    decode(decoder, ...all);
    expect(tableOf(decoder).map(([name]) => name)).toEqual(['c', 'b']);
    decode(decoder, encodeInteger(10_000, 5, 0x20), ...all);
    expect(tableOf(decoder).map(([name]) => name)).toEqual(['c', 'b', 'a', 'c']);
  });

  test('has 4,096 bytes until the peer has read that it must be smaller', () => {
    const decoder = newDecoder({ tableSize: 100 });
    decode(decoder, insert('a', 'v'.repeat(1_000)), insert('b', 'v'));
    expect(decode(decoder, 'bf')).toEqual([['a', 'v'.repeat(1_000)]]);
    expect(() => decode(decoder, '3f 46')).toThrow('update to 101 is above the limit of 100');
    decode(decoder, '3f 45');
    expect(tableOf(decoder)).toEqual([['b', 'v']]);
  });

  test('counts its changes', () => {
    const decoder = newDecoder();
    const counts = ['82', '40 00 00', 'be', '00 00 00', '10 00 00', '20', '40 00 00', '20 21'].map(
      (block) => {
        decode(decoder, block);
        return decoder.changes;
      },
    );
    expect(counts).toEqual([0, 1, 1, 1, 1, 2, 3, 5]);
  });
});

describe('a list that is too large', () => {
  test('is one byte above the limit', () => {
    const field = Buffer.concat([Buffer.of(0x00), encodeString('ab', false), hex('01 63')]);
    expect(decode(newDecoder({ listSize: 70 }), field, field)).toHaveLength(2);
    expect(decode(newDecoder({ listSize: 69 }), field, field)).toBe('too-large');
  });

  test('still changes the dynamic table', () => {
    const decoder = newDecoder({ listSize: 100 });
    const blocks = Buffer.concat([
      hex('40'),
      encodeString('a', true),
      encodeString('v'.repeat(200), true),
      hex('40'),
      encodeString('b', false),
      encodeString('w', false),
    ]);
    expect(decode(decoder, blocks)).toBe('too-large');
    expect(decode(decoder, 'be')).toEqual([['b', 'w']]);
    expect(decode(decoder, '7f 00', encodeString('w', false))).toEqual([['a', 'w']]);
  });

  test('is still checked to its end', () => {
    expect(() => decode(newDecoder({ listSize: 100 }), '82'.repeat(10), '80')).toThrow(HpackError);
  });

  test('of 60,000 references to a large field does not stop the next block', () => {
    const decoder = newDecoder();
    decode(decoder, '40', encodeString('n', false), encodeString('v'.repeat(4_000), false));
    expect(decode(decoder, 'be'.repeat(60_000))).toBe('too-large');
    expect(decode(decoder, 'be')).toEqual([['n', 'v'.repeat(4_000)]]);
  });
});
