import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { percentEncode, RequestMetadata, toFields } from '../../../src/grpc/metadata.ts';

/** Decodes as grpc-go does: an escape that is not one stays as it is. */
const percentDecode = (text: string) =>
  Buffer.from(
    text.replaceAll(/%([0-9A-F]{2})/g, (_, digits) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
    'latin1',
  ).toString();

/** Any code points but surrogates; ASCII often. */
const text = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff })))
  .map((points) => String.fromCodePoint(...points));

describe('percentEncode', () => {
  test.each([
    ['', ''],
    ['no such stream: a/b?c#d', 'no such stream: a/b?c#d'],
    ['100%', '100%25'],
    ['%41', '%2541'],
    ['a\r\nb\0\x7f', 'a%0D%0Ab%00%7F'],
    ['ü€😀', '%C3%BC%E2%82%AC%F0%9F%98%80'],
    ['\ud800', '%EF%BF%BD'],
  ])('%j becomes %s', (message, encoded) => {
    expect(percentEncode(message)).toBe(encoded);
  });

  test.each([
    [' ', '%20'],
    ['  ', '%20%20'],
    [' a b ', '%20a b%20'],
    ['ü ', '%C3%BC%20'],
  ])(
    'no value begins or ends with a space, which HTTP/2 does not allow: %j',
    (message, encoded) => {
      expect(percentEncode(message)).toBe(encoded);
    },
  );

  test('every message can be decoded, and is a legal field value', () => {
    fc.assert(
      fc.property(text, (message) => {
        const encoded = percentEncode(message);
        expect(encoded).toMatch(/^([!-~]([ -~]*[!-~])?)?$/);
        expect(percentDecode(encoded)).toBe(message);
      }),
    );
  });
});

describe('toFields', () => {
  test('names become lower case, bytes base64 without padding, ends lose their white space', () => {
    expect(
      toFields([
        ['X-Name', ' value '],
        ['x-bytes-bin', Buffer.of(1, 2, 3, 4)],
        ['x-view-bin', new Uint8Array(Buffer.from('.abc.')).subarray(1, 4)],
        ['x-empty', ''],
      ]),
    ).toEqual([
      ['x-name', 'value'],
      ['x-bytes-bin', 'AQIDBA'],
      ['x-view-bin', 'YWJj'],
      ['x-empty', ''],
    ]);
  });

  test.each([
    ['a name of gRPC', 'grpc-status', '0'],
    ['a name of gRPC in upper case', 'GRPC-Message', 'x'],
    ['a name of HTTP', 'content-type', 'text/html'],
    ['a name of HTTP/2', 'te', 'trailers'],
    ['a pseudo-header', ':status', '500'],
    ['a name with a space', 'x y', 'x'],
    ['an empty name', '', 'x'],
    ['a value with a line break', 'x', 'a\r\nb'],
    ['a value that is not ASCII', 'x', 'ü'],
    ['a value with a tab inside', 'x', 'a\tb'],
  ])('%s is left out', (_, name, value) => {
    expect(toFields([[name, value]])).toEqual([]);
  });

  test('grpc-status-details-bin may be sent', () => {
    expect(toFields([['grpc-status-details-bin', Buffer.of(0)]])).toEqual([
      ['grpc-status-details-bin', 'AA'],
    ]);
  });
});

describe('RequestMetadata', () => {
  const metadata = new RequestMetadata([
    ['x-a', '1'],
    ['x-b-bin', 'AQI'],
    ['x-a', '2, 3'],
    ['x-b-bin', 'AQI=, Aw,'],
  ]);

  test('a name has its values in the order they were sent; text is not split', () => {
    expect(metadata.get('x-a')).toEqual(['1', '2, 3']);
    expect(metadata.get('x-none')).toEqual([]);
  });

  test('bytes are decoded with and without padding, also where values are joined by commas', () => {
    expect(metadata.get('x-b-bin')).toEqual([
      Buffer.of(1, 2),
      Buffer.of(1, 2),
      Buffer.of(3),
      Buffer.alloc(0),
    ]);
  });

  test('entries are every value of every name in order', () => {
    const entries = [...metadata.entries()].map(([name, value]) => `${name}=${value.length}`);
    expect(entries).toEqual(['x-a=1', 'x-b-bin=2', 'x-a=4', 'x-b-bin=2', 'x-b-bin=1', 'x-b-bin=0']);
  });
});
