import { isUtf8 } from 'node:buffer';

/** The bytes are not a message of the type that was asked for. */
export class ProtobufError extends Error {
  override name = 'ProtobufError';
}

/** How the value of a field is written: the low three bits of the field's tag. */
export const wireType = {
  varint: 0,
  fixed64: 1,
  delimited: 2,
  group: 3,
  endGroup: 4,
  fixed32: 5,
} as const;

/** Groups inside groups. Protobuf's other implementations have the same limit. */
const maxGroupDepth = 100;

/** Messages inside one message, map entries included. An empty one has 2 bytes on the wire and about 100 in memory. */
const mostNested = 32_768;

/** Up to this length a loop over the bytes is faster than a call into Node. Unit: bytes. */
const shortString = 8;

/** Longest string that {@link Reader.name} remembers. Unit: bytes. */
const longestName = 32;

/** Strings that were read before. A comparison is several times faster than a new string. */
const names: string[] = new Array(256).fill('');

/** Reads the proto3 wire format. It never reads outside of the range that it was created with. */
export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  #end: number;
  #nested = 0;

  /** Reads `bytes[start, end)`. */
  constructor(bytes: Buffer, start: number, end: number) {
    if (start < 0 || start > end || end > bytes.length) {
      throw new RangeError(`[${start}, ${end}) is outside of ${bytes.length} bytes`);
    }
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Returns the tag of the next field, or 0 at the end of the message. */
  tag(): number {
    if (this.#at === this.#end) return 0;
    const first = this.#bytes[this.#at] as number;
    // A field number below 16.
    if (first < 0x80 && first > 7) {
      this.#at++;
      return first;
    }
    const tag = this.#varint(true);
    if (tag >>> 3 === 0) throw new ProtobufError('field number 0 is invalid');
    return tag;
  }

  /** Reads an int32 or an enum. Bits above the 32nd are dropped, as protobuf requires. */
  int32(): number {
    return this.#varint(false) | 0;
  }

  /** Reads a bytes field as a view of the input. */
  bytes(): Buffer {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** Reads a string field. Bytes that are not UTF-8 are an error, as protobuf requires. */
  string(): string {
    const length = this.#length();
    if (length === 0) return '';
    const start = this.#at;
    this.#at += length;
    if (length <= shortString) {
      const text = readAscii(this.#bytes, start, this.#at);
      if (text !== undefined) return text;
    }
    const text = this.#bytes.toString('utf8', start, this.#at);
    // The replacement character stands for broken bytes, or for itself.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, this.#at))) {
      throw new ProtobufError('a string is not valid UTF-8');
    }
    return text;
  }

  /** Reads a string field like {@link string}, faster for a value that was read before. */
  name(): string {
    const first = this.#at < this.#end ? (this.#bytes[this.#at] as number) : 0;
    if (first === 0 || first > longestName || first > this.#end - this.#at - 1)
      return this.string();
    const bytes = this.#bytes;
    const start = this.#at + 1;
    const middle = bytes[start + (first >>> 1)] as number;
    const last = bytes[start + first - 1] as number;
    const slot =
      (first * 31 + (bytes[start] as number) * 7 + middle * 13 + last) & (names.length - 1);
    const known = names[slot] as string;
    if (known.length === first) {
      let index = 0;
      while (index < first && known.charCodeAt(index) === bytes[start + index]) index++;
      if (index === first) {
        this.#at = start + first;
        return known;
      }
    }
    const name = this.string();
    // Only ASCII text has as many bytes as characters, once broken bytes are refused.
    if (name.length === first) names[slot] = name;
    return name;
  }

  /** Narrows the reader to the message that follows. Pass the result to {@link leave} at its end. */
  enter(): number {
    if (++this.#nested > mostNested) {
      throw new ProtobufError(`more than ${mostNested} messages inside one message`);
    }
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  /** Returns to the message around the one that {@link enter} narrowed the reader to. */
  leave(outer: number): void {
    this.#end = outer;
  }

  /** Skips the value of a field that the reader's user does not know. */
  skip(tag: number): void {
    this.#skip(tag, 0);
  }

  #skip(tag: number, depth: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.#varint(false);
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.delimited:
        this.#advance(this.#length());
        return;
      case wireType.group:
        this.#skipGroup(tag, depth + 1);
        return;
      case wireType.endGroup:
        throw new ProtobufError(`group ${tag >>> 3} ends but did not start`);
      case wireType.fixed32:
        this.#advance(4);
        return;
      default:
        throw new ProtobufError(`wire type ${tag & 7} of field ${tag >>> 3} is invalid`);
    }
  }

  #skipGroup(start: number, depth: number): void {
    if (depth > maxGroupDepth) throw new ProtobufError(`more than ${maxGroupDepth} nested groups`);
    const end = start + wireType.endGroup - wireType.group;
    for (;;) {
      const tag = this.tag();
      if (tag === end) return;
      if (tag === 0) throw new ProtobufError(`group ${start >>> 3} does not end`);
      this.#skip(tag, depth);
    }
  }

  #advance(length: number): void {
    if (length > this.#end - this.#at) throw this.#truncated();
    this.#at += length;
  }

  /** Reads a length and checks that so many bytes follow. */
  #length(): number {
    const first = this.#at < this.#end ? (this.#bytes[this.#at] as number) : 0x80;
    let length = first;
    if (first < 0x80) this.#at++;
    else length = this.#varint(true);
    if (length > this.#end - this.#at) throw this.#truncated();
    return length;
  }

  /**
   * Reads a varint of up to 64 bits and returns its low 32 bits, unsigned.
   *
   * @param whole whether a larger value is an error
   */
  #varint(whole: boolean): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at === this.#end) throw this.#truncated();
      const byte = bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (shift < 32) value |= bits << shift;
      if (whole && ((shift === 28 && bits > 0xf) || (shift > 28 && bits > 0))) {
        throw new ProtobufError('a tag or a length has more than 32 bits');
      }
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) break;
        return value >>> 0;
      }
    }
    throw new ProtobufError('a varint has more than 64 bits');
  }

  #truncated(): ProtobufError {
    return new ProtobufError('the message ends within a field');
  }
}

/** Reads a short string; undefined when it is not ASCII. */
function readAscii(bytes: Buffer, start: number, end: number): string | undefined {
  const characters: number[] = [];
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte > 0x7f) return undefined;
    characters.push(byte);
  }
  return String.fromCharCode.apply(String, characters);
}
