/** Characters of JSON, as bytes. */
export const ascii = {
  quote: '"'.charCodeAt(0),
  backslash: '\\'.charCodeAt(0),
  comma: ','.charCodeAt(0),
  colon: ':'.charCodeAt(0),
  space: ' '.charCodeAt(0),
  openObject: '{'.charCodeAt(0),
  closeObject: '}'.charCodeAt(0),
  openList: '['.charCodeAt(0),
  closeList: ']'.charCodeAt(0),
  zero: '0'.charCodeAt(0),
  nine: '9'.charCodeAt(0),
} as const;

/** Returns a Buffer on the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns whether `bytes` contains `part` at offset `at`. */
export function holds(bytes: Buffer, at: number, part: Buffer): boolean {
  for (let index = 0; index < part.length; index++) {
    if (bytes[at + index] !== part[index]) return false;
  }
  return true;
}
