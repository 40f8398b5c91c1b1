import { ComponentError, type ErrorCode, messageOf } from '../errors.ts';
import { meant } from '../misspelling.ts';
import { contradictions, withoutEffect } from './contradictions.ts';
import type { FieldType, Presence } from './field-types.ts';
import { type Field, fields, keysOfDaprd } from './fields.ts';

type FieldName = keyof typeof fields;

const table: Record<string, Field> = fields;

const fieldNames = new Set(Object.keys(fields).map((name) => name.toLowerCase()));

/** The values of the fields that are not set. */
const defaults: Partial<Fields> = Object.fromEntries(
  Object.entries(table)
    .filter(([, { type }]) => type.presence === 'default')
    .map(([name, { type }]) => [name, type.initial]),
);

/** Unknown keys named in one warning, and problems in one error, at most. */
const mostShown = 20;

type Types = { [Name in FieldName]: (typeof fields)[Name]['type'] };

type ValueOf<Type> = Type extends FieldType<infer Value> ? Value : never;

type NamesWith<Known extends Presence> = {
  [Name in FieldName]: Types[Name]['presence'] extends Known ? Name : never;
}[FieldName];

/** Every field as read, before the start position is decided. */
export type Fields = {
  [Name in NamesWith<'required' | 'default'>]: ValueOf<Types[Name]>;
} & {
  [Name in NamesWith<'optional'>]?: ValueOf<Types[Name]> | undefined;
};

export type DeliverPolicy = 'all' | 'last' | 'new' | 'sequence' | 'time';

/** A Component's settings: every field of fields.ts, with the start position decided. */
export type Config = Omit<Fields, 'deliverPolicy' | 'deliverAll'> & {
  /** Undefined where the user left it open: a new consumer then starts at the first message. */
  deliverPolicy?: DeliverPolicy;
};

export interface Parsed {
  config: Config;
  /** To be logged once. */
  warnings: string[];
}

/**
 * Reads a Component's metadata.
 *
 * Keys count without regard to case, an empty value counts as unset, unknown keys are accepted with
 * one warning unless they look like a misspelt one.
 *
 * @param elsewhere fields that are set and whose values are not known (in a secret store)
 * @throws ComponentError `invalid-config` listing every problem: field, value (never a secret), and
 *   what is allowed
 */
export function parseConfig(
  properties: Record<string, string>,
  elsewhere: readonly string[] = [],
): Parsed {
  const unknown = elsewhere.map((key) => key.toLowerCase());
  const { values, problems, warnings } = matchKeys(properties, Object.keys(fields), 'Component');
  if (values.natsURL === undefined && !unknown.includes('natsurl'))
    problems.push('natsURL: is required, e.g. nats://localhost:4222');
  const before = problems.length;
  // Stands for an address that is missing or not known: all other fields are read and compared all the same.
  const read = readFields({ natsURL: 'unknown', ...values }, problems);
  const complete = { ...defaults, ...read } as Fields;
  if (problems.length === before) problems.push(...contradictions(complete, unknown));
  if (problems.length > 0) throw refusal('invalid-config', 'the Component metadata', problems);
  warnings.push(...withoutEffect(complete));
  return { config: decideStart(complete, warnings), warnings };
}

/**
 * The settings of one subscription: the Component's, with what the Subscription's own metadata sets.
 *
 * @throws ComponentError `invalid-request`, listing every problem
 */
export function withOverrides(
  config: Config,
  metadata: Record<string, string>,
  elsewhere: readonly string[] = [],
): Parsed {
  const names = Object.keys(fields).filter((name) => table[name]?.perSubscription);
  const { values, problems, warnings } = matchKeys(metadata, names, 'Subscription');
  const overrides = readFields(values, problems);
  const merged = { ...config, ...overrides };
  // A start field of the Subscription's own takes the place of whatever the Component starts at.
  if ('startSequence' in overrides || 'startTime' in overrides) {
    for (const name of ['deliverPolicy', 'startSequence', 'startTime'] as const) {
      if (!(name in overrides)) merged[name] = undefined;
    }
  }
  const unknown = elsewhere.map((key) => key.toLowerCase());
  problems.push(...contradictions(merged, unknown));
  if (problems.length > 0) {
    throw refusal('invalid-request', 'the Subscription metadata', problems);
  }
  return { config: decideStart(merged, warnings), warnings };
}

/** Returns the values of the fields that are set; adds a problem for each field that cannot be read. */
function readFields(values: Record<string, string>, problems: string[]): Partial<Fields> {
  const read: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries(table)) {
    const value = values[name];
    if (value === undefined) continue;
    try {
      read[name] = type.read(value);
    } catch (error) {
      problems.push(describe(name, value, messageOf(error)));
    }
  }
  return read;
}

/** One error for all problems, which also carries them one by one. */
function refusal(code: ErrorCode, where: string, problems: string[]): ComponentError {
  const shown = problems.slice(0, mostShown).join('; ');
  const more = problems.length > mostShown ? ` and ${problems.length - mostShown} more` : '';
  return new ComponentError(code, `${where} cannot be used: ${shown}${more}`, { problems });
}

function describe(name: string, value: string, allowed: string): string {
  const { secret, path } = table[name] ?? {};
  // What stands in a path field and is none may be the secret itself.
  const hidden = secret || (path && !/^[./~]/.test(value));
  return hidden ? `${name}: ${allowed}` : `${name}: ${JSON.stringify(shorten(value))} ${allowed}`;
}

/** Fields in which the built-in component takes a zero, or an empty list, for unset. */
const zeroIsUnset = new Set<string>([
  'startSequence',
  'heartbeat',
  'rateLimit',
  'ackWait',
  'backOff',
]);

function isZero(value: string): boolean {
  return /^\+?0+(ns|us|µs|μs|ms|s|m|h)?$|^\[\s*\]$/.test(value);
}

/** A PEM in the wrong field shall not fill the log. */
function shorten(value: string): string {
  return value.length > 80 ? `${value.slice(0, 80)}…` : value;
}

/** Gives every key its exact spelling; says which ones are unknown. */
function matchKeys(
  properties: Record<string, string>,
  names: string[],
  of: 'Component' | 'Subscription',
) {
  const exact = new Map(names.map((name) => [name.toLowerCase(), name]));
  const hosts = new Set(keysOfDaprd.map((name) => name.toLowerCase()));
  const values: Record<string, string> = {};
  const problems: string[] = [];
  const strangers: string[] = [];
  const warnings: string[] = [];
  for (const [key, given] of Object.entries(properties)) {
    const value = given.trim();
    const lower = key.toLowerCase();
    const name = exact.get(lower);
    if (name) {
      if (value === '' || (zeroIsUnset.has(name) && isZero(value))) continue;
      if (name in values) problems.push(`${name}: is given twice, in different case`);
      values[name] = value;
      continue;
    }
    if (hosts.has(lower)) continue;
    const near = meant(key, names);
    if (of === 'Component') {
      if (near) problems.push(`${shorten(key)}: is not a field; did you mean ${near}?`);
      else strangers.push(key);
    } else if (fieldNames.has(lower)) {
      warnings.push(`${key} has no effect in a Subscription's metadata: set it in the Component`);
    } else if (near) {
      // Not refused: a Subscription's metadata is for daprd and others, too.
      warnings.push(`${key} is not a field; did you mean ${near}?`);
    }
  }
  if (strangers.length > 0) {
    const shown = strangers.slice(0, mostShown).map(shorten).join(', ');
    const more = strangers.length > mostShown ? ` and ${strangers.length - mostShown} more` : '';
    warnings.push(`ignored unknown metadata: ${shown}${more}`);
  }
  return { values, problems, warnings };
}

/** The start fields and the older deliverAll, as one policy; a stated policy wins. */
function decideStart(given: Fields | Config, warnings: string[]): Config {
  const { deliverAll, ...config } = { deliverAll: undefined, ...given };
  const { startSequence, startTime } = config;
  const wanted =
    startTime !== undefined ? 'time' : startSequence !== undefined ? 'sequence' : undefined;
  if (config.deliverPolicy === undefined) {
    const older = deliverAll === undefined ? undefined : deliverAll ? 'all' : 'last';
    return { ...config, deliverPolicy: wanted ?? older };
  }
  if (wanted && wanted !== config.deliverPolicy && !has(config, config.deliverPolicy)) {
    const unused = wanted === 'time' ? 'startTime' : 'startSequence';
    warnings.push(`${unused} has no effect: deliverPolicy is ${config.deliverPolicy}`);
  }
  return config;
}

function has({ startSequence, startTime }: Partial<Fields>, policy: DeliverPolicy): boolean {
  if (policy === 'sequence') return startSequence !== undefined;
  return policy === 'time' && startTime !== undefined;
}
