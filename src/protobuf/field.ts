import { type Reader, wireType } from './reader.ts';
import { textSize, varintSize, writeLength, writeText, writeVarint } from './writer.ts';

/** How the value of one field of a message is read and written. */
export interface Field<Value> {
  /** The field's number and its wire type in one byte, which limits numbers to 15. */
  readonly tag: number;
  /** Returns the value that stands for an absent field. The field is not written with that value. */
  absent(): Value;
  /** Reads a value. `before` is the value that the field has so far. */
  read(reader: Reader, before: Value): Value;
  /** Returns the number of bytes that {@link write} writes, tag included. */
  size(value: Value): number;
  /** Writes the field and returns where it ends. */
  write(target: Buffer, at: number, value: Value): number;
}

/** The value of an absent bytes field. */
export const noBytes = Buffer.alloc(0);

/** A bytes field. Its value is a view of the bytes that the message is read from. */
export function bytes(number: number): Field<Uint8Array> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => noBytes,
    read: (reader) => reader.bytes(),
    size: ({ length }) => (length === 0 ? 0 : 1 + varintSize(length) + length),
    write: (target, at, value) => (value.length === 0 ? at : writeBytes(target, at, tag, value)),
  };
}

/** A repeated bytes field. */
export function bytesList(number: number): Field<Uint8Array[]> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => [],
    read(reader, before) {
      before.push(reader.bytes());
      return before;
    },
    size: (values) => values.reduce((sum, { length }) => sum + 1 + varintSize(length) + length, 0),
    write: (target, at, values) =>
      values.reduce((end, value) => writeBytes(target, end, tag, value), at),
  };
}

/** A string field. */
export function text(number: number): Field<string> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => '',
    read: (reader) => reader.string(),
    size: (value) => (value === '' ? 0 : stringSize(value)),
    write: (target, at, value) => (value === '' ? at : writeString(target, at, tag, value)),
  };
}

/** A repeated string field. */
export function textList(number: number): Field<string[]> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => [],
    read(reader, before) {
      before.push(reader.string());
      return before;
    },
    size: (values) => values.reduce((sum, value) => sum + stringSize(value), 0),
    write: (target, at, values) =>
      values.reduce((end, value) => writeString(target, end, tag, value), at),
  };
}

/** An int32 or enum field whose value is not negative when it is written. */
export function integer(number: number): Field<number> {
  const tag = (number << 3) | wireType.varint;
  return {
    tag,
    absent: () => 0,
    read: (reader) => reader.int32(),
    size: (value) => (value === 0 ? 0 : 1 + varintSize(value)),
    write(target, at, value) {
      if (value === 0) return at;
      target[at] = tag;
      return writeVarint(target, at + 1, value);
    },
  };
}

/** Returns the tag of a length-delimited field. */
export function delimited(number: number): number {
  return (number << 3) | wireType.delimited;
}

/** Returns the number of bytes that {@link writeString} writes. */
export function stringSize(value: string): number {
  const size = textSize(value);
  return 1 + varintSize(size) + size;
}

/** Writes a string field, also when the string is empty, and returns where the field ends. */
export function writeString(target: Buffer, at: number, tag: number, value: string): number {
  target[at] = tag;
  const start = at + 1 + varintSize(value.length);
  return writeLength(target, at + 1, value.length, writeText(target, start, value));
}

function writeBytes(target: Buffer, at: number, tag: number, value: Uint8Array): number {
  target[at] = tag;
  const start = writeVarint(target, at + 1, value.length);
  target.set(value, start);
  return start + value.length;
}
