import { expect, test } from 'vitest';
import { encode } from '../../../src/grpc/codec.ts';
import { bytes, bytesList, integer, text, textList } from '../../../src/protobuf/field.ts';
import { message, messageField, messageList } from '../../../src/protobuf/message.ts';
import { textMap } from '../../../src/protobuf/text-map.ts';

const inner = message({ name: text(1), number: integer(2) });
const outer = message({
  map: textMap(1),
  inner: messageField(2, inner),
  list: messageList(3, inner),
  texts: textList(4),
  blobs: bytesList(5),
  data: bytes(6),
});

function decode(...bytes: (number | string)[]) {
  const input = Buffer.concat(
    bytes.map((part) => Buffer.from(typeof part === 'string' ? part : [part])),
  );
  return outer.decode(input, 0, input.length);
}

const absent = { map: {}, inner: undefined, list: [], texts: [], blobs: [], data: Buffer.alloc(0) };

test('absent fields have defaults, which no two messages share', () => {
  expect(decode()).toEqual(absent);
  const first = decode();
  first.map.a = '1';
  first.texts.push('a');
  expect(decode()).toEqual(absent);
});

test('defaults are not written', () => {
  expect(outer.size(decode())).toBe(0);
  expect(encode(inner, { name: '', number: 0 })).toHaveLength(0);
});

test('what is in a list or a map is written also when it is empty', () => {
  const empty = { name: '', number: 0 };
  const message = {
    map: { '': '' },
    inner: empty,
    list: [empty, empty],
    texts: ['', ''],
    blobs: [Buffer.alloc(0)],
    data: Buffer.alloc(0),
  };
  expect(decode(...encode(outer, message))).toEqual(message);
});

test('the last value of a field counts, and messages are merged', () => {
  expect(decode(0x12, 3, 0x0a, 1, 'a', 0x12, 2, 0x10, 7).inner).toEqual({ name: 'a', number: 7 });
  expect(decode(0x12, 3, 0x0a, 1, 'a', 0x12, 3, 0x0a, 1, 'b').inner?.name).toBe('b');
  expect(decode(0x32, 1, 'a', 0x32, 1, 'b').data.toString()).toBe('b');
});

test('a known field with another wire type is skipped, like an unknown field', () => {
  expect(decode(0x10, 5, 0x35, 0, 0, 0, 0, 0x7a, 1, 'x', 0x82, 0x01, 1, 'x')).toEqual(absent);
});

test('the parts of a map entry come in any order and may be missing', () => {
  expect(decode(0x0a, 6, 0x12, 1, 'v', 0x0a, 1, 'k').map).toEqual({ k: 'v' });
  expect(decode(0x0a, 3, 0x0a, 1, 'k').map).toEqual({ k: '' });
  expect(decode(0x0a, 3, 0x12, 1, 'v').map).toEqual({ '': 'v' });
  expect(decode(0x0a, 0).map).toEqual({ '': '' });
  expect(decode(0x0a, 8, 0x1a, 0, 0x0a, 1, 'k', 0x12, 1, 'v').map).toEqual({ k: 'v' });
  expect(decode(0x0a, 2, 0x10, 5).map).toEqual({ '': '' });
});

test('the last entry of a map with the same key counts', () => {
  const entry = (value: string) => [0x0a, 6, 0x0a, 1, 'k', 0x12, 1, value];
  expect(decode(...entry('1'), ...entry('2')).map).toEqual({ k: '2' });
});

test('a map key that means something to JavaScript is a key like any other', () => {
  const map = JSON.parse('{"__proto__":"1","constructor":"2","toString":"3"}');
  const message = decode(...encode(outer, { ...decode(), map }));
  expect(Object.entries(message.map)).toEqual(Object.entries(map));
  expect(Object.entries({ ...message.map })).toEqual(Object.entries(map));
  expect(Object.getPrototypeOf(message.map)).toBe(Object.prototype);
  expect(encode(outer, message)).toEqual(encode(outer, { ...decode(), map }));
});

test('a map whose entries change their size outside of ASCII is written right', () => {
  for (let length = 30; length < 130; length++) {
    const map = { ['é'.repeat(length)]: 'é'.repeat(length), ['a'.repeat(length)]: '' };
    const message = { ...decode(), map };
    const bytes = encode(outer, message);
    expect(outer.write(message, Buffer.alloc(bytes.length), 0)).toBe(bytes.length);
    expect(outer.decode(bytes, 0, bytes.length)).toEqual(message);
  }
});
