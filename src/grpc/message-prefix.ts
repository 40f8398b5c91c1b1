import { writeUint32 } from './http2/frames.ts';

/** Size of what precedes each message: whether it is compressed (1 byte), and its length (4 bytes). Unit: bytes. */
export const prefixSize = 5;

/** Writes the prefix of a message that is not compressed. */
export function writePrefix(target: Buffer, at: number, length: number): void {
  target[at] = 0;
  writeUint32(target, at + 1, length);
}
