import { decodeHuffman, HpackError } from './huffman.ts';
import { type HeaderField, staticTable } from './static-table.ts';

export { type HeaderField, HpackError };

/** The size of the dynamic table until the peer changes it (RFC 9113, 6.5.2). */
const initialTableSize = 4_096;

/** Counted for each field, in the table and in a list, beside its name and value. Unit: bytes. */
const fieldOverhead = 32;

const sizeOf = (field: HeaderField) => field[0].length + field[1].length + fieldOverhead;

/** The dynamic table: a ring of fields, bounded by their size. */
class DynamicTable {
  /** Insertions and changes of the size. */
  changes = 0;
  /** The number of fields. */
  count = 0;
  readonly #ring: (HeaderField | undefined)[];
  readonly #mask: number;
  #newest = 0;
  #size = 0;
  #limit = initialTableSize;

  constructor(largest: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(largest / fieldOverhead, 1)));
    this.#ring = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** Returns the field that was inserted `age` insertions before the newest. */
  get(age: number): HeaderField | undefined {
    return age < this.count ? this.#ring[(this.#newest - age) & this.#mask] : undefined;
  }

  /** Inserts a field and evicts the oldest ones. A field larger than the table only empties the table. */
  insert(field: HeaderField): void {
    const size = sizeOf(field);
    this.changes++;
    this.#evict(this.#limit - size);
    if (size > this.#limit) return;
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#ring[this.#newest] = field;
    this.#size += size;
    this.count++;
  }

  resize(limit: number): void {
    this.changes++;
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(target: number): void {
    while (this.count > 0 && this.#size > target) {
      this.count--;
      const oldest = (this.#newest - this.count) & this.#mask;
      this.#size -= sizeOf(this.#ring[oldest] as HeaderField);
      this.#ring[oldest] = undefined;
    }
  }
}

export interface HpackDecoderOptions {
  /**
   * The SETTINGS_HEADER_TABLE_SIZE that the peer was sent. Unit: bytes.
   *
   * The dynamic table has 4,096 bytes until the peer changes its size: the peer may send header blocks before it
   * has read the settings.
   */
  tableSize: number;
  /** The largest list of fields, as RFC 9113, 6.5.2 counts it: name, value and 32 for each field. Unit: bytes. */
  listSize: number;
}

/**
 * Decodes the header blocks of one connection (RFC 7541).
 *
 * A peer can make the decoder hold the dynamic table and, during a call, one list of fields. Both are bounded, and
 * the strings of a block are at most 8/5 as large as the block.
 */
export class HpackDecoder {
  readonly #tableSize: number;
  readonly #listSize: number;
  readonly #table: DynamicTable;
  // The header block that is being decoded. Its bytes are passed along, so that no buffer is kept between blocks.
  #start = 0;
  #next = 0;
  #end = 0;

  constructor({ tableSize, listSize }: HpackDecoderOptions) {
    this.#tableSize = tableSize;
    this.#listSize = listSize;
    this.#table = new DynamicTable(Math.max(tableSize, initialTableSize));
  }

  /**
   * Counts the changes of the dynamic table: insertions and size updates.
   *
   * The fields of a block may be kept by the block's bytes if the block itself changed nothing, and until `changes`
   * moves on.
   */
  get changes(): number {
    return this.#table.changes;
  }

  /**
   * Decodes the whole header block in `bytes[start, end)`.
   *
   * Returns 'too-large' for a list of fields above `listSize`. The dynamic table is then still up to date, and the
   * next block can be decoded.
   *
   * @throws HpackError when the block is invalid. The decoder must not be used again.
   */
  decode(bytes: Buffer, start: number, end: number): HeaderField[] | 'too-large' {
    this.#start = start;
    this.#next = start;
    this.#end = end;
    const fields: HeaderField[] = [];
    let atBeginning = true;
    let size = 0;
    while (this.#next < end) {
      const first = bytes[this.#next] as number;
      let field: HeaderField;
      if (first >= 0x80) {
        field = this.#entry(this.#integer(bytes, 0x7f));
      } else if (first >= 0x40) {
        field = this.#literal(bytes, 0x3f);
        this.#table.insert(field);
      } else if (first >= 0x20) {
        this.#resize(bytes, atBeginning);
        continue;
      } else {
        // A literal that is not or never indexed. Nothing is forwarded, so both are the same here.
        field = this.#literal(bytes, 0x0f);
      }
      atBeginning = false;
      size += sizeOf(field);
      if (size <= this.#listSize) fields.push(field);
      // A few bytes can repeat a large entry many times: nothing is kept of a list that is too large.
      else if (fields.length > 0) fields.length = 0;
    }
    return size > this.#listSize ? 'too-large' : fields;
  }

  #resize(bytes: Buffer, atBeginning: boolean): void {
    if (!atBeginning) this.#fail('a table size update follows a field: it must come first');
    const size = this.#integer(bytes, 0x1f);
    if (size > this.#tableSize) {
      this.#fail(`a table size update to ${size} is above the limit of ${this.#tableSize}`);
    }
    this.#table.resize(size);
  }

  #entry(index: number): HeaderField {
    const field =
      index <= staticTable.length
        ? staticTable[index - 1]
        : this.#table.get(index - staticTable.length - 1);
    if (field === undefined) {
      this.#fail(`index ${index} is not in 1 to ${staticTable.length + this.#table.count}`);
    }
    return field;
  }

  #literal(bytes: Buffer, prefix: number): HeaderField {
    const index = this.#integer(bytes, prefix);
    const name = index === 0 ? this.#string(bytes) : this.#entry(index)[0];
    return [name, this.#string(bytes)];
  }

  #string(bytes: Buffer): string {
    if (this.#next >= this.#end) this.#fail('the block ends where a string must follow');
    const huffman = (bytes[this.#next] as number) >= 0x80;
    const length = this.#integer(bytes, 0x7f);
    const from = this.#next;
    const left = this.#end - from;
    if (length > left) this.#fail(`a string of ${length} bytes, but the block has ${left} left`);
    this.#next += length;
    return huffman
      ? decodeHuffman(bytes, from, this.#next)
      : bytes.toString('latin1', from, this.#next);
  }

  /** Reads an integer whose first bits are those of `prefix` in the next byte, which must exist. */
  #integer(bytes: Buffer, prefix: number): number {
    let value = (bytes[this.#next++] as number) & prefix;
    if (value < prefix) return value;
    // Four more bytes hold 28 bits, more than any size or index here can need.
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#next >= this.#end) this.#fail('the block ends within an integer');
      const byte = bytes[this.#next++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.#fail('an integer has more than 4 continuation bytes');
  }

  #fail(what: string): never {
    throw new HpackError(
      `Invalid header block: ${what} (byte ${this.#next - this.#start} of ${this.#end - this.#start}).`,
    );
  }
}
