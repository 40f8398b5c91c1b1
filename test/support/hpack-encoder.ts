import { codeLengths, huffmanCodes } from '../../src/grpc/http2/huffman.ts';
import { type HeaderField, staticTable } from '../../src/grpc/http2/static-table.ts';

const codes = huffmanCodes();

/** Returns the Huffman code of a latin1 string, padded with ones. */
export function encodeHuffman(text: string): Buffer {
  const bytes: number[] = [];
  let pending = 1;
  const write = (bit: number) => {
    pending = (pending << 1) | bit;
    if (pending < 0x100) return;
    bytes.push(pending & 0xff);
    pending = 1;
  };
  for (const octet of Buffer.from(text, 'latin1')) {
    const length = codeLengths[octet] ?? 0;
    const code = codes[octet] ?? 0;
    for (let bit = length - 1; bit >= 0; bit--) write((code >> bit) & 1);
  }
  while (pending !== 1) write(1);
  return Buffer.from(bytes);
}

/** Returns an integer whose prefix has `bits` bits. `flags` are the bits before the prefix. */
export function encodeInteger(value: number, bits: number, flags = 0): Buffer {
  const largest = 2 ** bits - 1;
  if (value < largest) return Buffer.of(flags | value);
  const bytes = [flags | largest];
  let rest = value - largest;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(0x80 | (rest & 0x7f));
  return Buffer.from([...bytes, rest]);
}

export function encodeString(text: string, huffman: boolean): Buffer {
  const bytes = huffman ? encodeHuffman(text) : Buffer.from(text, 'latin1');
  return Buffer.concat([encodeInteger(bytes.length, 7, huffman ? 0x80 : 0), bytes]);
}

/** How a field is written. A field that is in no table cannot be `indexed`; it is then written as `inserted`. */
export interface Representation {
  as: 'indexed' | 'inserted' | 'not indexed' | 'never indexed';
  /** Write the name as an index if a table has it. */
  nameIndex: boolean;
  /** Use the highest index of those that fit, not the lowest. */
  highest: boolean;
  huffmanName: boolean;
  huffmanValue: boolean;
}

/** Writes header blocks in every way that RFC 7541 allows. Its table is a plain array, with the newest field first. */
export class HpackEncoder {
  readonly table: HeaderField[] = [];
  /** Insertions and size updates, as the decoder counts them. */
  changes = 0;
  #limit: number;

  constructor(limit = 4_096) {
    this.#limit = limit;
  }

  /** Returns the table size update. It belongs at the beginning of a block. */
  resize(limit: number): Buffer {
    this.changes++;
    this.#limit = limit;
    this.#evict();
    return encodeInteger(limit, 5, 0x20);
  }

  field(field: HeaderField, how: Representation): Buffer {
    const [name, value] = field;
    if (how.as === 'indexed') {
      const index = this.#find(how, (other) => other[0] === name && other[1] === value);
      if (index > 0) return encodeInteger(index, 7, 0x80);
    }
    const index = how.nameIndex ? this.#find(how, (other) => other[0] === name) : 0;
    const first =
      how.as === 'not indexed' || how.as === 'never indexed'
        ? encodeInteger(index, 4, how.as === 'never indexed' ? 0x10 : 0)
        : encodeInteger(index, 6, 0x40);
    if (how.as === 'indexed' || how.as === 'inserted') this.#insert(field);
    return Buffer.concat([
      first,
      ...(index === 0 ? [encodeString(name, how.huffmanName)] : []),
      encodeString(value, how.huffmanValue),
    ]);
  }

  #find({ highest }: Representation, matches: (field: HeaderField) => boolean): number {
    const all = [...staticTable, ...this.table];
    return (highest ? all.findLastIndex(matches) : all.findIndex(matches)) + 1;
  }

  #insert(field: HeaderField): void {
    this.changes++;
    this.table.unshift(field);
    this.#evict();
  }

  #evict(): void {
    while (listSize(this.table) > this.#limit) this.table.pop();
  }
}

/** Returns the size of a list of fields (RFC 9113, 6.5.2), which is also their size in a table. */
export function listSize(fields: readonly HeaderField[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
}
