import {
  type Case,
  call,
  connectionError,
  emptyMessage,
  pingBlock,
  pingPath,
  served,
  testCases,
  useScene,
} from '../../support/hostile-cases.ts';
import { headers, lastData, setting } from '../../support/http2/frames.ts';
import {
  firstDynamic,
  indexed,
  indexedLiteral,
  integer,
  literal,
  tableSize,
  text,
} from '../../support/http2/hpack.ts';
import { requestHeaders } from '../../support/http2/request.ts';

const compressionError = connectionError('COMPRESSION_ERROR');

/** A block that begins with a whole request. */
const block = (title: string, more: Uint8Array, outcome: string[]): Case =>
  call(
    title,
    (stream) => [headers(stream, Buffer.concat([pingBlock, more])), lastData(stream, emptyMessage)],
    outcome,
  );

/** 'aa…' in Huffman code has five bits a letter: 00011. */
const huffman = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex');
  return Buffer.concat([Buffer.from([0x00]), text('x-a'), integer(bytes.length, 7, 0x80), bytes]);
};

const hpack: Case[] = [
  block('index 0 (RFC 7541 6.1)', Buffer.from([0x80]), compressionError),
  block('an index after the end of the tables (2.3.3)', indexed(firstDynamic), compressionError),
  block('an enormous index (2.3.3)', integer(2 ** 31, 7, 0x80), compressionError),
  block(
    'a name with an index after the end of the tables (2.3.3)',
    Buffer.concat([integer(firstDynamic, 6, 0x40), text('x')]),
    compressionError,
  ),
  block('an integer that does not end (5.1)', Buffer.from([0xff, 0x80]), compressionError),
  block(
    'an integer of 2^70 (5.1)',
    Buffer.from([0xff, ...Array<number>(10).fill(0xff), 0x7f]),
    compressionError,
  ),
  block(
    'an integer with 1,000 bytes of leading zeros (5.1)',
    Buffer.from([0xff, ...Array<number>(1_000).fill(0x80), 0x00]),
    compressionError,
  ),
  block(
    'a name that is longer than the block (5.2)',
    Buffer.concat([Buffer.from([0x00]), integer(100, 7), Buffer.from('x')]),
    compressionError,
  ),
  block(
    'a value that is longer than the block (5.2)',
    Buffer.concat([Buffer.from([0x00]), text('x-a'), integer(4_000_000, 7), Buffer.from('x')]),
    compressionError,
  ),
  block(
    'a field without a value (6.2)',
    Buffer.concat([Buffer.from([0x00]), text('x-a')]),
    compressionError,
  ),
  block('Huffman padding of more than seven bits (5.2)', huffman('1fff'), compressionError),
  block('Huffman padding that is not ones (5.2)', huffman('18'), compressionError),
  block('EOS in a Huffman coded string (5.2)', huffman('ffffffff'), compressionError),
  block('a table size above the limit of the server (6.3)', Buffer.alloc(0), compressionError),
  block('a table size after a field (4.2)', tableSize(100), compressionError),
  block('an enormous table size after a field (4.2)', tableSize(2 ** 31), compressionError),
  {
    title: 'an entry that was evicted by a smaller table (4.3)',
    outcome: compressionError,
    send: (client) => {
      const [first, second] = [client.nextStream(), client.nextStream()];
      client.send(
        headers(first, Buffer.concat([pingBlock, indexedLiteral('x-a', 'b')])),
        headers(second, Buffer.concat([tableSize(0), pingBlock, indexed(firstDynamic)])),
      );
      return second;
    },
  },
  call(
    'an entry that was evicted by one larger than the table (4.4)',
    (stream) => [
      headers(
        stream,
        Buffer.concat([
          pingBlock,
          indexedLiteral('x-a', 'b'),
          indexedLiteral('x-b', 'x'.repeat(4_100)),
          indexed(firstDynamic),
        ]),
      ),
    ],
    compressionError,
  ),
];
// Its size depends on what the server has said.
Object.assign(hpack.find(({ title }) => title.startsWith('a table size above')) as Case, {
  send: ((client) => {
    const limit = client.setting(setting.HEADER_TABLE_SIZE, 4_096);
    client.send(headers(1, Buffer.concat([tableSize(limit + 1), pingBlock])));
    return 1;
  }) satisfies Case['send'],
});

const request = requestHeaders(pingPath);
const sound: Case[] = [
  {
    title: 'every field in the dynamic table, then by its index: served (6.1, 6.2.1)',
    outcome: served,
    send: (client) => {
      const fields = request.map(([name, value]) => indexedLiteral(name, value));
      const last = firstDynamic + request.length - 1;
      const again = request.map((_, index) => indexed(last - index));
      const [first, second] = [client.nextStream(), client.nextStream()];
      client.send(headers(first, Buffer.concat(fields)), lastData(first, emptyMessage));
      client.send(headers(second, Buffer.concat(again)), lastData(second, emptyMessage));
      return second;
    },
  },
  call(
    'names from the static table, fields that are never indexed: served (6.2.3)',
    (stream) => {
      const staticNames = {
        ':method': 2,
        ':scheme': 6,
        ':path': 4,
        ':authority': 1,
        'content-type': 31,
      };
      const fields = Object.entries(staticNames).map(([name, index]) => {
        const value = request.find(([key]) => key === name)?.[1] ?? '';
        return Buffer.concat([integer(index, 4, 0x10), text(value)]);
      });
      return [
        headers(stream, Buffer.concat([...fields, literal('te', 'trailers')])),
        lastData(stream, emptyMessage),
      ];
    },
    served,
  ),
  call(
    'two changes of the table size, a Huffman coded field, an empty value: served (4.2, 5.2)',
    (stream) => {
      const more = [huffman('1c6490b2cd39ba75a29a8f5f6b109b7bf8f3ebdf'), literal('x-empty', '')];
      return [
        headers(stream, Buffer.concat([tableSize(0), tableSize(4_096), pingBlock, ...more])),
        lastData(stream, emptyMessage),
      ];
    },
    served,
  ),
  {
    title: '10,000 entries that push each other out of the table: served (4.4)',
    outcome: served,
    send: async (client) => {
      for (let call = 0; call < 100; call++) {
        const stream = client.nextStream();
        const fields = Array.from({ length: 100 }, (_, index) =>
          indexedLiteral('x-a', `${100 * call + index}`),
        );
        const block = Buffer.concat([pingBlock, ...fields]);
        await client.push(headers(stream, block), lastData(stream, emptyMessage));
      }
      return client.lastStream;
    },
  },
];

testCases(useScene(), [...hpack, ...sound]);
