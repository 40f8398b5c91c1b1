import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  codeLengths,
  decodeHuffman,
  HpackError,
  huffmanCodes,
} from '../../../src/grpc/http2/huffman.ts';
import { encodeHuffman } from '../../support/hpack-encoder.ts';

const decode = (hex: string) => {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decodeHuffman(bytes, 0, bytes.length);
};

describe('the code', () => {
  test('has a length for each octet and EOS, and no bits are left over', () => {
    expect(codeLengths).toHaveLength(257);
    expect(codeLengths.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
  });

  // RFC 7541, appendix B: the first and the last code of many lengths.
  test.each([
    [0x30, 5, 0x0],
    [0x74, 5, 0x9],
    [0x20, 6, 0x14],
    [0x75, 6, 0x2d],
    [0x3a, 7, 0x5c],
    [0x7a, 7, 0x7b],
    [0x26, 8, 0xf8],
    [0x5a, 8, 0xfd],
    [0x21, 10, 0x3f8],
    [0x3f, 10, 0x3fc],
    [0x27, 11, 0x7fa],
    [0x23, 12, 0xffa],
    [0x00, 13, 0x1ff8],
    [0x7e, 13, 0x1ffd],
    [0x5e, 14, 0x3ffc],
    [0x7b, 15, 0x7ffe],
    [0x5c, 19, 0x7fff0],
    [0x80, 20, 0xfffe6],
    [0xff, 26, 0x3ffffee],
    [0x01, 23, 0x7fffd8],
    [0x7f, 28, 0xffffffc],
    [0xf9, 28, 0xffffffe],
    [0x0a, 30, 0x3ffffffc],
    [0x16, 30, 0x3ffffffe],
    [0x100, 30, 0x3fffffff],
  ])('of symbol %i has %i bits, as RFC 7541 lists it', (symbol, length, code) => {
    expect(codeLengths[symbol]).toBe(length);
    expect(huffmanCodes()[symbol]).toBe(code);
  });
});

describe('decoding', () => {
  test.each([
    ['f1e3 c2e5 f23a 6ba0 ab90 f4ff', 'www.example.com'],
    ['a8eb 1064 9cbf', 'no-cache'],
    ['6402', '302'],
    ['aec3 771a 4b', 'private'],
    ['d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['', ''],
  ])('returns the text of %s', (hex, text) => {
    expect(decode(hex)).toBe(text);
  });

  test('returns each octet', () => {
    for (let octet = 0; octet < 256; octet++) {
      const text = String.fromCharCode(octet);
      const bytes = encodeHuffman(text);
      expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text);
    }
  });

  test('reads only the given part of the bytes', () => {
    const bytes = Buffer.concat([Buffer.of(0xff), encodeHuffman('gzip'), Buffer.of(0xff)]);
    expect(decodeHuffman(bytes, 1, bytes.length - 1)).toBe('gzip');
  });

  test.each([['0'], ['\n'], ['z']])('returns a text of 100,000 times %j', (character) => {
    const text = character.repeat(100_000);
    const bytes = encodeHuffman(text);
    expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text);
  });

  test.each([
    ['8 bits of padding after nothing', 'ff'],
    ['8 bits of padding after a whole byte', 'f8 ff'],
    ['11 bits of padding', '07 ff'],
    ['padding of zeros', '00'],
    ['padding whose last bit is zero', '1e'],
    ['a code that is cut short', 'ff c0'],
  ])('rejects %s', (_, hex) => {
    expect(() => decode(hex)).toThrow(HpackError);
    expect(() => decode(hex)).toThrow('padding');
  });

  test.each(['ff ff ff ff', '07 ff ff ff ff', 'ff ff ff fc 07', 'ff ff ff ff ff ff ff ff'])(
    'rejects the EOS symbol in %s',
    (hex) => {
      expect(() => decode(hex)).toThrow(HpackError);
      expect(() => decode(hex)).toThrow('EOS');
    },
  );

  test('returns any text that was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const text = Buffer.from(octets).toString('latin1');
        const bytes = encodeHuffman(text);
        expect(decodeHuffman(bytes, 0, bytes.length)).toBe(text);
      }),
    );
  });

  test('accepts only bytes that an encoder writes', () => {
    const bits = fc.oneof(fc.nat(255), fc.constantFrom(0xff, 0xfe, 0x00, 0x07));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 6 }), (octets) => {
        const bytes = Buffer.from(octets);
        let text: string;
        try {
          text = decodeHuffman(bytes, 0, bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(HpackError);
          return;
        }
        accepted++;
        expect(encodeHuffman(text)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
