/**
 * `npm run republish-dead-letters -- STREAM SUBJECT`: publishes the dead letters at a subject again, each to
 * the subject it came from, and removes a letter once its stream has the message. What dies meanwhile is left
 * for the next time, and so is everything from the first failure on. Interrupted between the two, it publishes
 * one message twice.
 *
 * NATS_URL, NATS_USER and NATS_PASSWORD say which server, and who asks, as for the NATS CLI. Exit status: 0 when
 * all are published, 1 when one was not.
 */
import { jetstream, type SeqMsgRequest, type StoredMsg } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { messageOf } from '../src/errors.ts';
import { deadLetterHeaders } from '../src/jetstream/dead-letter.ts';

const [stream, subject, ...others] = process.argv.slice(2);
if (!stream || !subject || others.length > 0) {
  console.error('usage: npm run republish-dead-letters -- STREAM SUBJECT');
  process.exit(2);
}

try {
  const count = await republish(stream, subject);
  console.log(`published ${count} dead letter(s) again`);
} catch (error) {
  console.error(`stopped: ${messageOf(error)}`);
  process.exitCode = 1;
}

async function republish(stream: string, subject: string): Promise<number> {
  const { NATS_URL: servers, NATS_USER: user, NATS_PASSWORD: pass } = process.env;
  const nats = await connect({ servers, user, pass, timeout: 5_000 });
  try {
    const js = jetstream(nats);
    const { streams } = await js.jetstreamManager(false);
    const last = await streams.getMessage(stream, { last_by_subj: subject });
    let count = 0;
    for (let seq = 1; seq <= (last?.seq ?? 0); count++) {
      // The server takes what the client's type does not name.
      const next = { seq, next_by_subj: subject } as SeqMsgRequest;
      const letter = await streams.getMessage(stream, next);
      if (!letter || letter.seq > (last?.seq ?? 0)) break;
      await js.publish(originOf(letter), letter.data, { headers: headersOf(letter) });
      await streams.deleteMessage(stream, letter.seq, false);
      seq = letter.seq + 1;
    }
    return count;
  } finally {
    await nats.close();
  }
}

function originOf({ seq, header }: StoredMsg): string {
  const origin = header?.get(deadLetterHeaders.subject);
  if (!origin) throw new Error(`message ${seq} has no ${deadLetterHeaders.subject}`);
  return origin;
}

/** Those that the message had of its own. */
function headersOf({ header }: StoredMsg) {
  const own = headers();
  for (const [key, values] of header ?? []) {
    if (/^(Dead-Letter-|Nats-)/i.test(key)) continue;
    for (const value of values) own.append(key, value);
  }
  return own;
}
