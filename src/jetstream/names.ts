import { createHash } from 'node:crypto';

/** Room for the hash within what NATS takes (255), and for a readable listing. */
const longest = 200;

/**
 * The durable consumer of an app and a topic: `<consumerID>-<topic>`.
 *
 * Two different pairs never share a name. Where the plain one could be another pair's too (a
 * character NATS forbids had to be replaced, the topic itself has a dash, the name is too long) it
 * ends in `~` and a hash of both.
 */
export function durableName(consumerID: string, topic: string): string {
  const plain = `${consumerID}-${topic}`;
  if (/^[A-Za-z0-9_-]+$/.test(consumerID) && /^[A-Za-z0-9_]+$/.test(topic)) {
    if (plain.length <= longest) return plain;
  }
  return hashedName(plain, [consumerID, topic]);
}

/** A legal name that reads like `text` and is told apart by a hash of `parts`. */
export function hashedName(text: string, parts: string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return `${legal(text).slice(0, longest)}~${hash.slice(0, 12)}`;
}

/** As it is, with `_` for what has no place in a consumer's name. */
export function legal(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_');
}
