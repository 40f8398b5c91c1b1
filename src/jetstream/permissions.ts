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
