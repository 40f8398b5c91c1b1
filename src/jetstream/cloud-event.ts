import { asBuffer, ascii, holds } from './bytes.ts';

/**
 * The attributes that every CloudEvent has, by the length of their names: no two have the same. Each must be a string,
 * and not empty.
 */
const required: (Buffer | undefined)[] = [];
/** A bit for each length of them. */
let allRequired = 0;
for (const name of ['id', 'type', 'source', 'specversion']) {
  required[name.length] = Buffer.from(name);
  allRequired |= 1 << name.length;
}

/** Of more than this it is worth asking first whether it may be an event. Unit: bytes. */
const large = 4_096;

/** Up to here a string is looked through faster than the native search can be called. Unit: bytes. */
const short = 48;

/**
 * The id of a CloudEvent in JSON; undefined for anything else, since other JSON may have an `id` that
 * means something else.
 *
 * Looks at the event's own attributes and passes over the rest, which may be megabytes: to parse it
 * all would take longer than to publish it. What is passed over need not be valid JSON.
 */
export function cloudEventId(data: Uint8Array): string | undefined {
  const bytes = asBuffer(data);
  if (bytes[0] !== ascii.openObject) return undefined;
  if (bytes.length > large && !bytes.includes('"specversion"')) return undefined;
  let found = 0;
  let id: string | undefined;
  let at = 1;
  for (;;) {
    at = skipSpace(bytes, at);
    if (bytes[at] !== ascii.quote) return undefined;
    const key = at;
    const afterKey = skipString(bytes, key);
    at = skipSpace(bytes, afterKey);
    if (bytes[at] !== ascii.colon) return undefined;
    at = skipSpace(bytes, at + 1);
    const end = skipValue(bytes, at);
    const length = afterKey - key - 2;
    const name = required[length];
    if (name && holds(bytes, key + 1, name)) {
      // The last one counts where there are two.
      if (bytes[at] === ascii.quote && end - at > 2) found |= 1 << length;
      else found &= ~(1 << length);
      if (length === 2) id = bytes[at] === ascii.quote ? textOf(bytes, at, end) : undefined;
    }
    at = skipSpace(bytes, end);
    if (bytes[at] === ascii.closeObject) break;
    if (bytes[at] !== ascii.comma) return undefined;
    at++;
  }
  if (skipSpace(bytes, at + 1) < bytes.length) return undefined;
  return found === allRequired ? id : undefined;
}

/** Every skip returns where the next thing begins: at the end of the bytes, or past it, if there is none. */
function skipSpace(bytes: Buffer, at: number): number {
  let next = at;
  while (next < bytes.length && (bytes[next] as number) <= ascii.space) next++;
  return next;
}

function skipString(bytes: Buffer, at: number): number {
  let next = at + 1;
  for (;;) {
    const limit = Math.min(next + short, bytes.length);
    while (next < limit && bytes[next] !== ascii.quote) next++;
    if (next === limit) {
      const found = bytes.indexOf(ascii.quote, next);
      if (found < 0) return bytes.length + 1;
      next = found;
    }
    let escapes = 0;
    while (bytes[next - 1 - escapes] === ascii.backslash) escapes++;
    next++;
    if (escapes % 2 === 0) return next;
  }
}

function skipValue(bytes: Buffer, at: number): number {
  let depth = 0;
  let next = at;
  while (next < bytes.length) {
    const byte = bytes[next];
    if (byte === ascii.quote) {
      next = skipString(bytes, next);
      if (depth === 0) return next;
      continue;
    }
    if (byte === ascii.openObject || byte === ascii.openList) depth++;
    else if (byte === ascii.closeObject || byte === ascii.closeList) {
      // Of what holds a number, true, false or null.
      if (depth === 0) return next;
      depth--;
      if (depth === 0) return next + 1;
    } else if (byte === ascii.comma && depth === 0) return next;
    next++;
  }
  return next;
}

/** The text of a string that begins and ends with its quotes; undefined where it is none. */
function textOf(bytes: Buffer, start: number, end: number): string | undefined {
  const text = bytes.toString('utf8', start + 1, end - 1);
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return undefined;
  }
}
