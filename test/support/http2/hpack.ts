/**
 * HPACK (RFC 7541): a plain encoder, and a decoder for what a server answers. It shares nothing with src/grpc, so that
 * a mistake there shows.
 */

export type Header = readonly [name: string, value: string];

/** Returns an integer with a prefix of so many bits; `pattern` holds the bits before it. */
export function integer(value: number, prefix: number, pattern = 0): Buffer {
  const most = 2 ** prefix - 1;
  if (value < most) return Buffer.from([pattern | value]);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** Returns a string that is not Huffman coded. */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** Returns a header field that is not indexed. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x00]), text(name), text(value)]);
}

/** Returns a header field that goes into the dynamic table. */
export function indexedLiteral(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

/** Returns a reference to an entry of the static or the dynamic table. */
export function indexed(index: number): Buffer {
  return integer(index, 7, 0x80);
}

/** Returns a change of the dynamic table's size. */
export function tableSize(size: number): Buffer {
  return integer(size, 5, 0x20);
}

export function encodeHeaders(list: Iterable<Header>): Buffer {
  return Buffer.concat(Array.from(list, ([name, value]) => literal(name, value)));
}

/** The first entry of the dynamic table has this index. */
export const firstDynamic = 62;

const staticTable: readonly Header[] = [
  ['', ''],
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...[200, 204, 206, 304, 400, 404, 500].map((code): Header => [':status', `${code}`]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization ' +
    'cache-control content-disposition content-encoding content-language content-length ' +
    'content-location content-range content-type cookie date etag expect expires from host ' +
    'if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link ' +
    'location max-forwards proxy-authenticate proxy-authorization range referer refresh ' +
    'retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary ' +
    'via www-authenticate'
  )
    .split(' ')
    .map((name): Header => [name, '']),
];

/** Symbols of the Huffman code by the length of their codes, which are canonical (appendix B). */
const symbolsByLength: Record<number, number[]> = {
  5: symbols('0 1 2 a c e i o s t'),
  6: [0x20, ...symbols('% - . / 3 4 5 6 7 8 9 = A _ b d f g h l m n p r u')],
  7: symbols(': B C D E F G H I J K L M N O P Q R S T U V W Y j k q v w x y z'),
  8: symbols('& * , ; X Z'),
  10: symbols('! " ( ) ?'),
  11: symbols("' + |"),
  12: symbols('# >'),
  13: [0, ...symbols('$ @ [ ] ~')],
  14: symbols('^ }'),
  15: symbols('< ` {'),
};

function symbols(list: string): number[] {
  return list.split(' ').map((symbol) => symbol.charCodeAt(0));
}

/** From a code's bits, with a leading one, to its symbol. Codes over 15 bits are for bytes that gRPC never sends. */
const huffmanCodes = new Map<number, number>();
let nextCode = 0;
for (let length = 5; length <= 15; length++) {
  for (const symbol of symbolsByLength[length] ?? []) {
    huffmanCodes.set((1 << length) | nextCode++, symbol);
  }
  nextCode <<= 1;
}

function decodeHuffman(bytes: Buffer): string {
  let decoded = '';
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      const symbol = huffmanCodes.get(code);
      if (symbol !== undefined) {
        decoded += String.fromCharCode(symbol);
        code = 1;
      } else if (code >= 1 << 16)
        throw new Error('HPACK: a Huffman code that is not expected here');
    }
  }
  // The rest is padding: fewer than eight ones.
  if (code >= 1 << 8 || (code & (code + 1)) !== 0) throw new Error('HPACK: wrong Huffman padding');
  return decoded;
}

/** Decodes the header blocks of one connection. */
export class HpackDecoder {
  readonly #entries: Header[] = [];
  #size = 0;
  #limit = 4_096;

  /** @throws Error when the block is not valid */
  decode(block: Buffer): Header[] {
    const list: Header[] = [];
    let at = 0;
    const readInteger = (prefix: number): number => {
      const most = 2 ** prefix - 1;
      let value = block.readUInt8(at++) & most;
      if (value < most) return value;
      for (let factor = 1; ; factor *= 128) {
        const byte = block.readUInt8(at++);
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const readText = (): string => {
      const huffman = block.readUInt8(at) >= 128;
      const length = readInteger(7);
      const bytes = block.subarray(at, at + length);
      if (bytes.length < length) throw new Error('HPACK: a string ends after its block');
      at += length;
      return huffman ? decodeHuffman(bytes) : bytes.toString('latin1');
    };
    while (at < block.length) {
      const first = block.readUInt8(at);
      if (first >= 0x80) {
        list.push(this.#entry(readInteger(7)));
        continue;
      }
      if (first >= 0x20 && first < 0x40) {
        this.#resize(readInteger(5));
        continue;
      }
      const index = readInteger(first >= 0x40 ? 6 : 4);
      const name = index === 0 ? readText() : this.#entry(index)[0];
      const header: Header = [name, readText()];
      list.push(header);
      if (first >= 0x40) this.#add(header);
    }
    return list;
  }

  #entry(index: number): Header {
    const entry =
      index < firstDynamic ? staticTable[index] : this.#entries.at(index - firstDynamic);
    if (!entry || index === 0) throw new Error(`HPACK: no entry ${index}`);
    return entry;
  }

  #add(header: Header): void {
    this.#entries.unshift(header);
    this.#size += sizeOf(header);
    this.#resize(this.#limit);
  }

  #resize(limit: number): void {
    this.#limit = limit;
    while (this.#size > limit) this.#size -= sizeOf(this.#entries.pop() as Header);
  }
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + 32;
}
