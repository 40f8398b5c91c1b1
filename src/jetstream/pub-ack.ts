import type { Msg } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
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

/** What a stream's answer means. */
export function readPubAck(reply: Msg, subject: string): PubAck {
  const bytes = Buffer.from(reply.data.buffer, reply.data.byteOffset, reply.data.byteLength);
  // Without parsing it, as most answers need none.
  if (bytes.subarray(0, confirmation.length).equals(confirmation) && !bytes.includes(refusal)) {
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
