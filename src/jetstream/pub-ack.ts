import type { Msg } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import { asBuffer, ascii, holds } from './bytes.ts';
import { noStream } from './stream.ts';

/** Answers of a stream that may be another one soon. */
const passing = new Map<number, PubAck>([
  [10158, 'in process'],
  [10008, 'not now'],
]);

/** How a confirmation begins; a refusal begins with its error. */
const confirmation = Buffer.from('{"stream":"');
const refusal = Buffer.from('"error"');
const dropped = Buffer.from('"duplicate":');

/**
 * - `duplicate`: the stream has a message of the same id, and has dropped this one
 * - `in process`: an earlier copy of the message is still on its way to the replicas
 * - `not now`: the stream has no leader
 */
export type PubAck = 'stored' | 'duplicate' | 'in process' | 'not now' | ComponentError;

const afterStream = Buffer.from(' "seq":');

/** Returns whether it is `{"stream":"NAME", "seq":NUMBER}`: nearly every answer is, and this is faster than a search. */
function isPlain(bytes: Buffer): boolean {
  if (!holds(bytes, 0, confirmation)) return false;
  let at = confirmation.length;
  while (at < bytes.length && bytes[at] !== ascii.quote)
    if (bytes[at++] === ascii.backslash) return false;
  if (bytes[at + 1] !== ascii.comma || !holds(bytes, at + 2, afterStream)) return false;
  at += 2 + afterStream.length;
  const number = at;
  while (at < bytes.length && isDigit(bytes[at] as number)) at++;
  return at > number && at === bytes.length - 1 && bytes[at] === ascii.closeObject;
}

function isDigit(byte: number): boolean {
  return byte >= ascii.zero && byte <= ascii.nine;
}

/** Returns what a stream's answer means. Never throws. */
export function readPubAck(reply: Msg, subject: string): PubAck {
  const bytes = asBuffer(reply.data);
  if (isPlain(bytes)) return 'stored';
  // Without parsing it, as most answers need none.
  if (holds(bytes, 0, confirmation) && !bytes.includes(refusal)) {
    return bytes.includes(dropped) ? 'duplicate' : 'stored';
  }
  let ack: {
    stream?: string;
    duplicate?: boolean;
    error?: { err_code?: number; description?: string };
  };
  try {
    ack = reply.json();
  } catch {
    ack = {};
  }
  if (ack.error) {
    const { description, err_code } = ack.error;
    const pass = passing.get(err_code ?? 0);
    if (pass) return pass;
    const text = `the stream refused the message for "${subject}": ${description} (${err_code})`;
    // Larger than the stream or its headers may be: the same message will fail again.
    const forGood = err_code === 10054 || err_code === 10097;
    return new ComponentError(forGood ? 'invalid-request' : 'unavailable', text);
  }
  if (typeof ack.stream === 'string') return ack.duplicate ? 'duplicate' : 'stored';
  return new ComponentError(
    'no-stream',
    `something that is not JetStream answered on "${subject}": ${noStream(subject).message}`,
  );
}
