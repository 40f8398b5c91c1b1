import type { PermissionViolationError } from '@nats-io/transport-node';
import { ComponentError } from '../errors.ts';
import { matches } from './subject.ts';

/** What a user may do on one side, as the server lists it. */
export interface Permission {
  allow?: string[];
  deny?: string[];
}

export interface Permissions {
  publish?: Permission;
  subscribe?: Permission;
}

/** Whether a subject without wildcards is permitted: allowed where there is a list, not denied. */
export function permitted(permission: Permission | undefined, subject: string): boolean {
  const { allow, deny } = permission ?? {};
  if (deny?.some((pattern) => matches(pattern, subject))) return false;
  return !allow?.length || allow.some((pattern) => matches(pattern, subject));
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
