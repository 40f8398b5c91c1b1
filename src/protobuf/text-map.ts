import { delimited, type Field, stringSize, writeString } from './field.ts';
import type { Reader } from './reader.ts';
import { varintSize, writeLength } from './writer.ts';

const keyTag = delimited(1);
const valueTag = delimited(2);

/** A `map<string, string>` field. The last of several entries with the same key counts. */
export function textMap(number: number): Field<Record<string, string>> {
  const tag = delimited(number);
  return {
    tag,
    absent: () => ({}),
    read(reader, map) {
      readEntry(reader, map);
      return map;
    },
    size(map) {
      let size = 0;
      for (const key in map) {
        const entry = stringSize(key) + stringSize(map[key] as string);
        size += 1 + varintSize(entry) + entry;
      }
      return size;
    },
    write(target, at, map) {
      let end = at;
      for (const key in map) end = writeEntry(target, end, tag, key, map[key] as string);
      return end;
    },
  };
}

/** Reads one entry of a map into `map`. */
export function readEntry(reader: Reader, map: Record<string, string>): void {
  const outer = reader.enter();
  let key = '';
  let value = '';
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === keyTag) key = reader.name();
    else if (tag === valueTag) value = reader.name();
    else reader.skip(tag);
  }
  reader.leave(outer);
  if (key !== '__proto__') map[key] = value;
  // An assignment would call the setter that Object.prototype has by this name.
  else
    Object.defineProperty(map, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
}

/** Writes key and value, also when they are empty, and returns where the entry ends. */
function writeEntry(target: Buffer, at: number, tag: number, key: string, value: string): number {
  target[at] = tag;
  // Exact when both are ASCII.
  const expected = stringSpace(key) + stringSpace(value);
  const start = at + 1 + varintSize(expected);
  const keyEnd = writeString(target, start, keyTag, key);
  return writeLength(target, at + 1, expected, writeString(target, keyEnd, valueTag, value));
}

function stringSpace({ length }: string): number {
  return 1 + varintSize(length) + length;
}
