import type { HeaderField } from './http2/hpack-decoder.ts';
import type { Metadata } from './method.ts';
import type { MetadataEntries } from './status.ts';

/** Names that HTTP/2 or gRPC uses itself. Metadata with such a name is not sent. */
const reservedNames = new Set(['content-type', 'te', 'host', 'content-length']);

/** The metadata of a request, as its header fields have it. */
export class RequestMetadata implements Metadata {
  readonly #fields: readonly HeaderField[];

  constructor(fields: readonly HeaderField[]) {
    this.#fields = fields;
  }

  get(name: string): (string | Buffer)[] {
    const found: (string | Buffer)[] = [];
    for (const field of this.#fields) if (field[0] === name) found.push(...valuesOf(field));
    return found;
  }

  *entries(): Generator<[string, string | Buffer]> {
    for (const field of this.#fields) {
      for (const value of valuesOf(field)) yield [field[0], value];
    }
  }
}

/** Values of a name that ends in `-bin` may be joined by commas, and their padding left out. */
function valuesOf([name, value]: HeaderField): (string | Buffer)[] {
  if (!name.endsWith('-bin')) return [value];
  return value.split(',').map((one) => Buffer.from(one.trim(), 'base64'));
}

/**
 * Returns metadata as header fields: bytes in base64 without padding. What a field cannot hold is left out, since
 * a client would refuse the whole answer for it: other names than gRPC allows, and values that are not ASCII.
 */
export function toFields(metadata: MetadataEntries): [name: string, value: string][] {
  const fields: [string, string][] = [];
  for (const [key, value] of metadata) {
    const name = key.toLowerCase();
    if (!/^[0-9a-z_.-]+$/.test(name) || name.startsWith('grpc-') || reservedNames.has(name)) {
      if (name !== 'grpc-status-details-bin') continue;
    }
    const text = typeof value === 'string' ? value.trim() : toBase64(value);
    if (/^[\x20-\x7e]*$/.test(text)) fields.push([name, text]);
  }
  return fields;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('base64')
    .replace(/=+$/, '');
}

/** Printable ASCII but the percent sign. HTTP/2 does not allow a space at either end of a value. */
const sentAsIs = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/;

/** Longest `grpc-message` that is sent: a client bounds what it takes as headers. Unit: characters. */
const longestMessage = 4_096;

/**
 * Returns a message as `grpc-message` has it: {@link sentAsIs}, and everything else as percent-encoded UTF-8. A
 * message that is too long is cut.
 */
export function percentEncode(whole: string): string {
  const message = whole.slice(0, longestMessage);
  if (sentAsIs.test(message)) return message;
  const bytes = Buffer.from(message);
  let encoded = '';
  for (const [index, byte] of bytes.entries()) {
    const first = index === 0 || index === bytes.length - 1 ? 0x21 : 0x20;
    const plain = byte >= first && byte <= 0x7e && byte !== 0x25;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
