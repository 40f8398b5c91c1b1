/** Milliseconds in each unit of `grpc-timeout`. */
const units: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The longest that Node's timers wait. A call with a longer timeout has none. Unit: milliseconds. */
export const longestTimer = 2 ** 31 - 1;

/** Returns the milliseconds of a `grpc-timeout`: at most 8 digits and a unit. Undefined for anything else. */
export function parseTimeout(value: string): number | undefined {
  const found = /^(\d{1,8})([HMSmun])$/.exec(value);
  if (!found) return undefined;
  return Number(found[1]) * (units[found[2] as string] as number);
}
