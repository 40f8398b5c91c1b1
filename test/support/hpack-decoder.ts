import { type HeaderField, HpackDecoder, HpackError } from '../../src/grpc/http2/hpack-decoder.ts';
import { staticTable } from '../../src/grpc/http2/static-table.ts';
import { encodeInteger } from './hpack-encoder.ts';

export const newDecoder = (options: { tableSize?: number; listSize?: number } = {}) =>
  new HpackDecoder({ tableSize: 4_096, listSize: 65_536, ...options });

/** Returns the bytes of hexadecimal digits, which may have white space between them. */
export const hex = (digits: string) => Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');

/** Decodes one block, which has other bytes before and after it. A string stands for hexadecimal digits. */
export function decode(decoder: HpackDecoder, ...parts: (Buffer | string)[]) {
  const around = Buffer.of(0x01, 0x82, 0x01);
  const block = parts.map((part) => (typeof part === 'string' ? hex(part) : part));
  const bytes = Buffer.concat([around, ...block, around]);
  return decoder.decode(bytes, around.length, bytes.length - around.length);
}

/**
 * Returns the fields of the dynamic table, newest first. They are read one by one, until an index is invalid.
 *
 * @throws Error when a field is larger than the decoder's largest list
 */
export function tableOf(decoder: HpackDecoder): HeaderField[] {
  const fields: HeaderField[] = [];
  for (;;) {
    let list: ReturnType<typeof decode>;
    try {
      list = decode(decoder, encodeInteger(staticTable.length + 1 + fields.length, 7, 0x80));
    } catch (error) {
      if (error instanceof HpackError) return fields;
      throw error;
    }
    if (list === 'too-large') throw new Error('a field of the table is larger than a list may be');
    fields.push(...list);
  }
}
