import { describe, expect, test } from 'vitest';
import { type ConnectionError, flag } from '../../../src/grpc/http2/frames.ts';
import { HeaderBlocks } from '../../../src/grpc/http2/header-blocks.ts';
import type { HeaderField } from '../../../src/grpc/http2/hpack-decoder.ts';
import { defaultLimits, type Limits } from '../../../src/grpc/limits.ts';
import { encodeInteger, HpackEncoder, type Representation } from '../../support/hpack-encoder.ts';

const plain: Representation = {
  as: 'not indexed',
  nameIndex: false,
  highest: false,
  huffmanName: false,
  huffmanValue: false,
};

/** One client: it encodes blocks, and says what it has kept of each. */
class Blocks {
  readonly blocks: HeaderBlocks<string>;
  readonly encoder = new HpackEncoder();

  constructor(limits: Partial<Limits> = {}) {
    this.blocks = new HeaderBlocks({ ...defaultLimits, ...limits });
  }

  encode(fields: readonly HeaderField[], as: Representation['as'] = 'not indexed'): Buffer {
    return Buffer.concat(fields.map((field) => this.encoder.field(field, { ...plain, as })));
  }

  headers(block: Buffer, flags = flag.endHeaders, streamId = 1) {
    // What is around it is not part of it.
    const bytes = Buffer.concat([Buffer.of(0xff), block, Buffer.of(0xff)]);
    return this.blocks.headers(flags, streamId, bytes, 1, bytes.length - 1);
  }

  continuation(block: Buffer, flags = 0, streamId = 1) {
    return this.blocks.continuation(flags, streamId, block, 0, block.length);
  }
}

const fields: HeaderField[] = [
  [':path', '/a'],
  ['x', 'y'.repeat(100)],
];
const failsWith = (code: string) => expect.objectContaining({ code }) as ConnectionError;

describe('a block', () => {
  test('in one frame, with padding and a priority that mean nothing', () => {
    const client = new Blocks();
    const priority = Buffer.of(0x80, 0, 0, 9, 255);
    const payload = Buffer.concat([Buffer.of(3), priority, client.encode(fields), Buffer.alloc(3)]);
    const flags = flag.endHeaders | flag.padded | flag.priority | flag.endStream;
    expect(client.headers(payload, flags, 7)).toEqual({
      streamId: 7,
      endStream: true,
      kept: undefined,
      fields,
    });
  });

  test('in several frames, cut anywhere', () => {
    const block = new Blocks().encode(fields);
    for (let at = 0; at <= block.length; at++) {
      const client = new Blocks();
      expect(client.headers(block.subarray(0, at), flag.endStream, 3)).toBeUndefined();
      expect(client.blocks.continues).toBe(3);
      expect(client.continuation(Buffer.alloc(0), 0, 3)).toBeUndefined();
      const whole = client.continuation(block.subarray(at), flag.endHeaders, 3);
      expect(whole).toMatchObject({ streamId: 3, endStream: true, fields });
      expect(client.blocks.continues).toBe(0);
    }
  });

  test('larger than the list may be is said to be too large, and the next is read', () => {
    const client = new Blocks({ headerList: 100 });
    expect(client.headers(client.encode(fields, 'inserted'))).toMatchObject({
      fields: 'too-large',
    });
    const next = client.headers(client.encode(fields.slice(0, 1), 'indexed'));
    expect(next).toMatchObject({ fields: fields.slice(0, 1) });
  });
});

describe('a connection error', () => {
  test.each([
    ['more padding than payload', flag.padded, Buffer.of(1)],
    ['a pad length that is not there', flag.padded, Buffer.alloc(0)],
    [
      'padding that reaches into the priority',
      flag.padded | flag.priority,
      Buffer.of(1, 0, 0, 0, 2, 0),
    ],
    ['a priority that is cut short', flag.priority, Buffer.alloc(4)],
    ['a stream that depends on itself', flag.priority, Buffer.of(0x80, 0, 0, 1, 0)],
  ])('HEADERS with %s', (_, flags, payload) => {
    for (const more of [0, flag.endHeaders]) {
      const read = () => new Blocks().blocks.headers(flags | more, 1, payload, 0, payload.length);
      expect(read).toThrow(failsWith('PROTOCOL_ERROR'));
    }
  });

  test('CONTINUATION without HEADERS, of another stream, or after the end', () => {
    const client = new Blocks();
    const block = client.encode(fields);
    expect(() => client.continuation(block)).toThrow(failsWith('PROTOCOL_ERROR'));
    client.headers(block, 0, 1);
    expect(() => client.continuation(block, 0, 3)).toThrow(failsWith('PROTOCOL_ERROR'));
    client.continuation(block, flag.endHeaders, 1);
    expect(() => client.continuation(block, 0, 1)).toThrow(failsWith('PROTOCOL_ERROR'));
  });

  test('too many CONTINUATION frames, also empty ones', () => {
    const client = new Blocks({ continuations: 3 });
    client.headers(Buffer.alloc(0), 0);
    for (let count = 0; count < 3; count++) client.continuation(Buffer.alloc(0));
    expect(() => client.continuation(Buffer.alloc(0))).toThrow(failsWith('ENHANCE_YOUR_CALM'));
  });

  test('a block longer than allowed, before it has ended', () => {
    const client = new Blocks({ headerBlock: 1_000 });
    client.headers(Buffer.alloc(600), 0);
    client.continuation(Buffer.alloc(400));
    expect(() => client.continuation(Buffer.alloc(1))).toThrow(failsWith('ENHANCE_YOUR_CALM'));
  });

  test('a block that cannot be decoded', () => {
    const index = encodeInteger(4_000, 7, 0x80);
    expect(() => new Blocks().headers(index)).toThrow(failsWith('COMPRESSION_ERROR'));
  });
});

describe('what is kept of a block', () => {
  /** A client whose fields are in the table, so that the same bytes come each time. */
  function warm(): { client: Blocks; block: Buffer } {
    const client = new Blocks();
    client.headers(client.encode(fields, 'indexed'));
    client.blocks.keep('not this one: it changes the table');
    const block = client.encode(fields, 'indexed');
    expect(client.headers(block)?.kept).toBeUndefined();
    client.blocks.keep('kept');
    return { client, block };
  }

  test('comes back for the same bytes, with the stream and flags of the new frame', () => {
    const { client, block } = warm();
    const flags = flag.endHeaders | flag.endStream;
    expect(client.headers(block, flags, 9)).toEqual({
      streamId: 9,
      endStream: true,
      kept: 'kept',
      fields: [],
    });
    // Also where it comes in several frames.
    client.headers(block.subarray(0, 1), 0);
    expect(client.continuation(block.subarray(1), flag.endHeaders)?.kept).toBe('kept');
  });

  test('is forgotten when a field enters the table', () => {
    const { client, block } = warm();
    client.headers(client.encode([['x', 'new']], 'inserted'));
    // The same bytes mean other fields now.
    const again = client.headers(block);
    expect(again?.kept).toBeUndefined();
    expect(again?.fields).not.toEqual(fields);
  });

  test('is forgotten when the table changes its size', () => {
    const { client, block } = warm();
    client.headers(client.encoder.resize(4_095));
    expect(client.headers(block)).toMatchObject({ kept: undefined, fields });
  });

  test('is forgotten when a block that is too large changes the table', () => {
    const { client, block } = warm();
    const many = Array.from({ length: 300 }, (): HeaderField => ['y', 'z'.repeat(200)]);
    const large = client.headers(client.encode([['x', 'new'], ...many], 'inserted'));
    expect(large?.fields).toBe('too-large');
    expect(() => client.headers(block)).not.toThrow();
    expect(client.headers(block)?.kept).toBeUndefined();
  });

  test('no block over 256 bytes is kept', () => {
    const client = new Blocks();
    for (const [length, kept] of [
      [256, 'kept'],
      [257, undefined],
    ] as const) {
      // 1 for the kind of field, 2 for its name, 2 for the length of its value.
      const size = length - 5;
      const block = client.encode([['x', 'v'.repeat(size)]]);
      expect(block.length).toBe(length);
      client.headers(block);
      client.blocks.keep('kept');
      expect(client.headers(block)?.kept).toBe(kept);
    }
  });

  test('many different blocks do not pile up, and each still means what it says', () => {
    const client = new Blocks();
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 200; index++) {
        const block = client.headers(client.encode([['x', `${index}`]]));
        if (block?.kept !== undefined) expect(block.kept).toBe(`kept ${index}`);
        else expect(block?.fields).toEqual([['x', `${index}`]]);
        if (block?.kept === undefined) client.blocks.keep(`kept ${index}`);
      }
    }
  });
});
