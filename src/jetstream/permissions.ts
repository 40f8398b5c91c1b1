import { setImmediate } from 'node:timers/promises';
import type { PermissionViolationError } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import { within } from '../within.ts';
import type { Connection } from './connection.ts';
import { matches } from './subject.ts';

/** What a user may do on one side, as the server lists it. */
export interface Permission {
  allow?: string[];
  deny?: string[];
}

export interface Permissions {
  publish?: Permission;
}

/** Taking note of what is sent, and refusing it. Unit: milliseconds. */
const refusalLimit = 2_000;

/** Whether a subject without wildcards is permitted: allowed where there is a list, not denied. */
export function permitted(permission: Permission | undefined, subject: string): boolean {
  const { allow, deny } = permission ?? {};
  if (deny?.some((pattern) => matches(pattern, subject))) return false;
  return !allow?.length || allow.some((pattern) => matches(pattern, subject));
}

/**
 * Those of JetStream's subjects that the server refuses this user's messages to, found by sending `?` to each,
 * within 2 s. Only for those where that is no acknowledgement and a call that is refused as unreadable: some
 * calls (STREAM.NAMES, STREAM.INFO) ignore what is sent to them, and are carried out.
 *
 * @throws ComponentError `unavailable` where the server does not answer in time: nothing is known then
 */
export async function denied(connection: Connection, subjects: string[]): Promise<string[]> {
  const refused = new Set<string>();
  const onDenied = (subject: string) => refused.add(subject);
  connection.events.on('publishDenied', onDenied);
  // What stands for an app id that is not known has a space.
  const sent = subjects.map((subject) => [subject, subject.replace(/\s/g, '_')] as const);
  for (const [, subject] of sent) connection.nats.publish(subject, '?');
  let answered = false;
  const seen = connection.flush().then(() => {
    answered = true;
  });
  await within(refusalLimit, seen);
  // The client has them all by now, and tells of them a turn later.
  await setImmediate();
  connection.events.off('publishDenied', onDenied);
  if (!answered) throw new ComponentError('unavailable', 'no answer from the server');
  return sent.filter(([, subject]) => refused.has(subject)).map(([subject]) => subject);
}

/** What a refusal means, in the same words each time: every attempt has an inbox of its own. */
export function refusal({ operation, subject }: PermissionViolationError): ComponentError {
  if (operation === 'publish' && subject.startsWith('$JS.ACK.')) {
    const text =
      'the user may not publish to "$JS.ACK.>" on the server: ' +
      'no acknowledgement counts, so every message comes again';
    return new ComponentError('forbidden', text);
  }
  const what =
    operation === 'publish'
      ? `publish to "${subject}"`
      : `subscribe to ${subject.startsWith('_INBOX.') ? '_INBOX.>' : `"${subject}"`}`;
  return new ComponentError('forbidden', `the user may not ${what} on the server`);
}
