/** Up to this length a loop over the characters is faster than a call into Node. */
const shortText = 12;

/** Returns the number of bytes of a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** Writes an unsigned integer of up to 32 bits and returns where it ends. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Returns the number of bytes of a text as UTF-8. A lone surrogate counts as U+FFFD. */
export function textSize(text: string): number {
  const { length } = text;
  if (length > shortText) return Buffer.byteLength(text);
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  }
  return length;
}

/** Writes a text as UTF-8, without its length, and returns where it ends. */
export function writeText(target: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > shortText) return at + target.write(text, at);
  for (let index = 0; index < length; index++) {
    const character = text.charCodeAt(index);
    if (character > 0x7f) return at + target.write(text, at);
    target[at + index] = character;
  }
  return at + length;
}

/**
 * Writes the length of what is already written at `start + varintSize(expected)` and ends at `end`. Where the
 * length takes another number of bytes than expected, the content moves.
 *
 * @returns where the content ends
 */
export function writeLength(target: Buffer, start: number, expected: number, end: number): number {
  const content = start + varintSize(expected);
  const length = end - content;
  const place = start + varintSize(length);
  if (place !== content) target.copyWithin(place, content, end);
  writeVarint(target, start, length);
  return place + length;
}
