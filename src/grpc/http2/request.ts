import type { HeaderField } from './hpack-decoder.ts';

/** A request that follows the rules of RFC 9113, section 8. */
export interface Request {
  method: string;
  path: string;
  /** Every field that is not a pseudo-header, in the order they were sent. */
  fields: readonly HeaderField[];
  /** -1 where no `content-length` was sent. Unit: bytes. */
  contentLength: number;
}

/** What is wrong with a request: it is answered with a stream error of PROTOCOL_ERROR. */
export class MalformedError extends Error {}

const pseudoHeaders = [':method', ':scheme', ':path', ':authority'];

/** Fields that say something about one connection of HTTP/1.1. */
const connectionFields = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
];

/** @throws MalformedError */
export function readRequest(list: readonly HeaderField[]): Request {
  const pseudo: Record<string, string> = {};
  const fields: HeaderField[] = [];
  let contentLength = -1;
  for (const field of list) {
    const [name, value] = field;
    if (name.startsWith(':')) {
      if (fields.length > 0) throw new MalformedError(`${name} after other fields`);
      if (!pseudoHeaders.includes(name)) throw new MalformedError(`unknown field ${name}`);
      if (name in pseudo) throw new MalformedError(`${name} twice`);
      checkValue(name, value);
      pseudo[name] = value;
      continue;
    }
    checkField(name, value);
    if (name === 'content-length') contentLength = readContentLength(value, contentLength);
    fields.push(field);
  }
  const { ':method': method, ':path': path, ':scheme': scheme } = pseudo;
  if (!method || !path || !scheme) throw new MalformedError('a pseudo-header is missing or empty');
  return { method, path, fields, contentLength };
}

/** @throws MalformedError for trailers that are not allowed */
export function checkTrailers(list: readonly HeaderField[]): void {
  for (const [name, value] of list) {
    if (name.startsWith(':')) throw new MalformedError(`${name} in trailers`);
    checkField(name, value);
  }
}

/** A token of RFC 9110 in lower case. */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** What RFC 9113, section 8.2.1, does not allow in a value. */
const forbiddenInValue = /[\0\r\n]|^[ \t]|[ \t]$/;

function checkField(name: string, value: string): void {
  if (!fieldName.test(name)) throw new MalformedError('a field name with a forbidden character');
  checkValue(name, value);
  if (connectionFields.includes(name)) throw new MalformedError(`${name} is not part of HTTP/2`);
  if (name === 'te' && value !== 'trailers') throw new MalformedError(`te: ${value}`);
}

function checkValue(name: string, value: string): void {
  if (!forbiddenInValue.test(value)) return;
  throw new MalformedError(`a value of ${name} with a forbidden character`);
}

function readContentLength(value: string, before: number): number {
  const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
  if (length < 0 || (before >= 0 && before !== length)) {
    throw new MalformedError('an invalid content-length');
  }
  return length;
}
