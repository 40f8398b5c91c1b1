/** A response field whose value never changes: it enters the peer's dynamic table once, and is one byte after that. */
export class ConstantField {
  readonly inserted: Buffer;
  readonly plain: Buffer;

  constructor(name: string, value: string) {
    this.plain = Buffer.concat([Buffer.of(0x00), text(name), text(value)]);
    this.inserted = Buffer.from(this.plain);
    this.inserted[0] = 0x40;
  }
}

const staticEntries = 61;

/** The table size that HPACK starts with. Unit: bytes. */
const defaultTableSize = 4_096;

/** `:status: 200` of the static table. */
const status200 = 0x88;

/**
 * Writes header blocks of responses (HPACK, RFC 7541). Only constant fields enter the dynamic table. They are
 * few, so nothing is ever evicted from it, and an index is known without a table on this side.
 */
export class HeaderEncoder {
  /** By field: how many fields were in the table before it. */
  readonly #positions = new Map<ConstantField, number>();
  #indexing = true;
  #announce = false;

  /** Takes note of the peer's SETTINGS_HEADER_TABLE_SIZE. A peer that wants a small table gets none. */
  limitTable(size: number): void {
    if (size >= defaultTableSize || !this.#indexing) return;
    this.#indexing = false;
    this.#announce = true;
    this.#positions.clear();
  }

  /** Begins a block. Every method returns the place after what it wrote. */
  begin(target: Buffer, at: number): number {
    if (!this.#announce) return at;
    this.#announce = false;
    // A table size of 0.
    target[at] = 0x20;
    return at + 1;
  }

  status200(target: Buffer, at: number): number {
    target[at] = status200;
    return at + 1;
  }

  constant(target: Buffer, at: number, field: ConstantField): number {
    if (!this.#indexing) return at + field.plain.copy(target, at);
    const position = this.#positions.get(field);
    if (position === undefined) {
      this.#positions.set(field, this.#positions.size);
      return at + field.inserted.copy(target, at);
    }
    target[at] = 0x80 | (staticEntries + this.#positions.size - position);
    return at + 1;
  }

  /** Writes a field that is not indexed. Its room is {@link literalSize}. */
  literal(target: Buffer, at: number, name: string, value: string): number {
    target[at] = 0x00;
    return writeText(target, writeText(target, at + 1, name), value);
  }
}

/** Returns the most bytes that a literal field may take. Names and values are latin1. */
export function literalSize(name: string, value: string): number {
  return 1 + 5 + name.length + 5 + value.length;
}

/** Room for the start of a block, `:status` and two constant fields. Unit: bytes. */
export const constantRoom = 80;

function text(value: string): Buffer {
  const target = Buffer.alloc(5 + value.length);
  return target.subarray(0, writeText(target, 0, value));
}

/** Writes a length with a 7-bit prefix, without Huffman coding, and the text. */
function writeText(target: Buffer, at: number, value: string): number {
  let end = at;
  let length = value.length;
  if (length < 127) {
    target[end++] = length;
  } else {
    target[end++] = 127;
    for (length -= 127; length > 127; length >>>= 7) target[end++] = (length & 127) | 128;
    target[end++] = length;
  }
  return end + target.write(value, end, 'latin1');
}
