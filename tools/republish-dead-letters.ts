/**
 * `npm run republish-dead-letters -- STREAM SUBJECT`: publishes the dead letters at a subject again, each to
 * the subject it came from, and removes a letter once its stream has the message. What dies meanwhile is left
 * for the next time, and so is everything from the first failure on. Run again after a failure or an
 * interruption, it stores nothing twice within the `duplicate_window` of the stream.
 *
 * A letter that does not say where it came from is named and left. Exit status: 0 when all are published, 1 when
 * one was not, 2 for what is called wrongly.
 */
import { jetstream, type SeqMsgRequest, type StoredMsg } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { messageOf } from '../src/errors.ts';
import { deadLetterHeaders } from '../src/jetstream/dead-letter.ts';

const usage = `usage: npm run republish-dead-letters -- STREAM SUBJECT

Publishes the dead letters at SUBJECT in STREAM again, each to its ${deadLetterHeaders.subject}, and removes them.
This reaches every app that subscribes to the topic, also those that handled the message.

NATS_URL, NATS_USER and NATS_PASSWORD say which server, and who asks. No other way is read: where it takes a
credentials file, a CA or a domain, use the NATS CLI.`;

const [stream, subject, ...others] = process.argv.slice(2);
if (!stream || !subject || others.length > 0) {
  console.error(usage);
  process.exit(2);
}

try {
  const { published, left } = await republish(stream, subject);
  console.log(`published ${published} dead letter(s) again`);
  if (left > 0) process.exitCode = 1;
} catch (error) {
  console.error(`stopped: ${messageOf(error)}`);
  process.exitCode = 1;
}

async function republish(
  stream: string,
  subject: string,
): Promise<{ published: number; left: number }> {
  const { NATS_URL: servers, NATS_USER: user, NATS_PASSWORD: pass } = process.env;
  const nats = await connect({ servers, user, pass, timeout: 5_000 });
  try {
    const js = jetstream(nats);
    const { streams } = await js.jetstreamManager(false);
    const last = (await streams.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0;
    let published = 0;
    let left = 0;
    for (let from = 1; from <= last; ) {
      // The server takes what the client's type does not name.
      const next = { seq: from, next_by_subj: subject } as SeqMsgRequest;
      const letter = await streams.getMessage(stream, next);
      if (!letter || letter.seq > last) break;
      const { seq, data, header, timestamp } = letter;
      from = seq + 1;
      const origin = header?.get(deadLetterHeaders.subject);
      if (!origin) {
        console.error(`left message ${seq} of ${stream}: it has no ${deadLetterHeaders.subject}`);
        left++;
        continue;
      }
      // The time tells it from a letter at the same place of an earlier stream of the same name.
      const msgID = `republish:${stream}:${seq}:${timestamp}`;
      await js.publish(origin, data, { headers: headersOf(letter), msgID });
      await streams.deleteMessage(stream, seq, false);
      published++;
    }
    return { published, left };
  } finally {
    await nats.close();
  }
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
