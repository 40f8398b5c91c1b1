import { readFile } from 'node:fs/promises';
import { type Alias, type Document, LineCounter, parseAllDocuments, visit } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { meant } from '../misspelling.ts';

/** A Component or Subscription as found in a file, as far as it matters here. */
export type Resource = ComponentResource | SubscriptionResource;

export interface ComponentResource {
  kind: 'Component';
  file: string;
  name: string;
  /** For example `pubsub.nats-jetstream`. */
  type: string;
  properties: Record<string, string>;
  /** Fields whose values come from a secret store, and cannot be known here. */
  secrets: string[];
  /** App ids; none means every app. */
  scopes: string[];
}

export interface SubscriptionResource {
  kind: 'Subscription';
  file: string;
  name: string;
  pubsub: string;
  topic: string;
  metadata: Record<string, string>;
  /** App ids; none means every app. */
  scopes: string[];
}

/** What is to be said of a file; with a problem something would not work. */
export interface Finding {
  level: 'problem' | 'warning' | 'note';
  text: string;
}

const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  'must be text, a number, true or false',
);

const text = scalar.transform((value) => (value === null ? '' : String(value)));

const passedOver = 'daprd passes over any other, without a word';

/** Known to daprd, and of no matter here. */
const other = z.unknown().optional();

/** Kubernetes knows more keys of it. */
const ofAny = {
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  scopes: z.array(z.string()).nullish(),
};

const component = z.object({
  ...ofAny,
  apiVersion: z.literal('dapr.io/v1alpha1', `must be dapr.io/v1alpha1: ${passedOver}`),
  auth: z.object({ secretStore: other }).nullish(),
  spec: z.object({
    type: z.string(),
    // These are the same to daprd; it finds no component of another one.
    version: z
      .string()
      .regex(/^(v[01])?$/i, 'must be v1')
      .nullish(),
    ignoreErrors: other,
    initTimeout: other,
    metadata: z
      .array(
        z.object({
          name: z.string(),
          value: text.optional(),
          secretKeyRef: z.unknown().optional(),
          envRef: z.unknown().optional(),
        }),
      )
      .nullish(),
  }),
});

const otherwise = 'daprd drops every message that it has no path of the app for';
const noRoute = `is needed in dapr.io/v1alpha1: ${otherwise}`;
const noRoutes = `must have a default or rules in dapr.io/v2alpha1: ${otherwise}`;

const specOfSubscription = z.object({
  pubsubname: z.string(),
  topic: z.string(),
  metadata: z.record(z.string(), text).nullish(),
  deadLetterTopic: other,
  bulkSubscribe: z
    .object({ enabled: other, maxMessagesCount: other, maxAwaitDurationMs: other })
    .nullish(),
});

const routes = z
  .object(
    {
      default: z.string().nullish(),
      rules: z.array(z.object({ match: other, path: z.string() })).nullish(),
    },
    noRoutes,
  )
  .refine((given) => given.default || given.rules?.length, noRoutes);

const subscription = z.discriminatedUnion(
  'apiVersion',
  [
    z.object({
      ...ofAny,
      apiVersion: z.literal('dapr.io/v1alpha1'),
      spec: specOfSubscription.extend({ route: z.string(noRoute).min(1, noRoute) }),
    }),
    z.object({
      ...ofAny,
      apiVersion: z.literal('dapr.io/v2alpha1'),
      spec: specOfSubscription.extend({ routes }),
    }),
  ],
  `must be dapr.io/v1alpha1 or dapr.io/v2alpha1: ${passedOver}`,
);

/** Problems told of one file, at most; warnings and notes as many. */
const mostTold = 20;

/** Characters of a key, or a kind, that are told. */
const longestTold = 80;

/**
 * The Components and Subscriptions of a YAML file, in their order. What is wrong with them, and what is
 * passed over, is told all at once, each with its file and line.
 */
export async function readResources(
  file: string,
): Promise<{ resources: Resource[]; findings: Finding[] }> {
  const lines = new LineCounter();
  let documents: Document[];
  try {
    const text = decoded(await readFile(file));
    const options = { lineCounter: lines, prettyErrors: false };
    documents = parseAllDocuments(text, options) as Document[];
  } catch (error) {
    return {
      resources: [],
      findings: [{ level: 'problem', text: `${file}: ${unreadable(error)}` }],
    };
  }
  const findings: Finding[] = [];
  let empty = true;
  const resources = documents.flatMap((document): Resource[] => {
    const start = document.contents?.range?.[0];
    const tell: Tell = (level, text, at = start) => {
      findings.push({ level, text: `${file}:${lines.linePos(at ?? 0).line}: ${text}` });
    };
    const found = contentOf(document, tell);
    empty &&= found === null;
    return toResources(file, found, tell);
  });
  if (empty) findings.push({ level: 'note', text: `${file}: is empty` });
  const told = (['problem', 'warning', 'note'] as const).flatMap((level) => {
    const all = findings.filter((one) => one.level === level);
    const more = all.length - mostTold;
    if (more > 0) all.splice(mostTold, more, { level, text: `${file}: and ${more} more` });
    return all;
  });
  return { resources, findings: told };
}

/** Tells what there is to say, and at which character of the file where that is not the document's first. */
type Tell = (level: Finding['level'], text: string, at?: number) => void;

/**
 * Text as daprd reads it: UTF-8, or UTF-16 behind its byte order mark.
 *
 * @throws Error for anything else
 */
function decoded(bytes: Buffer): string {
  const mark = bytes.toString('latin1', 0, 2);
  const encoding = mark === 'ÿþ' ? 'utf-16le' : mark === 'þÿ' ? 'utf-16be' : 'utf-8';
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new Error('is no text in UTF-8; save it as such');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: YAML has no place for exactly these
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text))
    throw new Error('has control characters: it is no text, or not in UTF-8');
  return text;
}

/** The reader goes down into what is nested for as long as there is stack. */
function unreadable(error: unknown): string {
  const message = messageOf(error);
  return `cannot be read: ${/call stack/.test(message) ? tooDeep : message}`;
}

const tooDeep = 'is nested too deeply';

function contentOf(document: Document, tell: Tell): unknown {
  const { errors } = document;
  const deep = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  for (const { message, pos } of deep ? [] : errors) {
    // What comes behind a colon is from the file, and may be a secret.
    tell('problem', `is no YAML: ${message.replace(/(\w): .*/s, '$1')}`, pos[0]);
  }
  if (deep) tell('problem', `cannot be read: ${tooDeep}`, deep.pos[0]);
  if (errors.length > 0) return undefined;
  try {
    const lost = aliasesWithoutAnchor(document);
    for (const { range } of lost) {
      const remedy = 'quote a value that begins with *';
      tell('problem', `is no YAML: an alias without its anchor; ${remedy}`, range?.[0]);
    }
    return lost.length > 0 ? undefined : document.toJS();
  } catch (error) {
    tell('problem', unreadable(error));
    return undefined;
  }
}

/** The library tells of the first one alone, and not where it is. */
function aliasesWithoutAnchor(document: Document): Alias[] {
  const anchors = new Set<string | undefined>();
  const lost: Alias[] = [];
  visit(document, {
    Value: (_, { anchor }) => {
      anchors.add(anchor);
    },
    Alias: (_, alias) => {
      if (!anchors.has(alias.source)) lost.push(alias);
    },
  });
  return lost;
}

/** None for what daprd passes over, which it does without a word. */
function toResources(file: string, found: unknown, tell: Tell): Resource[] {
  // Told already, or nothing between two separators.
  if (found === undefined || found === null) return [];
  if (!isMapping(found)) {
    tell('note', `${Array.isArray(found) ? 'a list' : 'a single value'}, no resource: passed over`);
    return [];
  }
  const head = spelled(headOfAny, found, () => undefined) as Mapping;
  const { kind } = head;
  if (kind === 'Component') return toComponent(file, head, tell);
  if (kind === 'Subscription') return toSubscription(file, head, tell);
  if (typeof kind === 'string') {
    const near = meant(kind, kinds);
    if (near)
      tell('problem', `is a ${shorten(kind)}, which daprd passes over; did you mean ${near}?`);
    else tell('note', `a ${shorten(kind)}: passed over`);
    return [];
  }
  const key = Object.keys(found).find((one) => meant(one, ['kind']));
  if (key === undefined) tell('note', 'has no kind: passed over');
  else tell('problem', `${shorten(key)}: is not a key of a resource; did you mean kind?`);
  return [];
}

const kinds = ['Component', 'Subscription'];

const headOfAny = z.looseObject({ apiVersion: z.unknown(), kind: z.unknown() });

type Mapping = Record<string, unknown>;

function isMapping(found: unknown): found is Mapping {
  return typeof found === 'object' && found !== null && !Array.isArray(found);
}

/** Takes the path of a key that daprd does not know, and the key that was probably meant. */
type Stranger = (path: string, near: string | undefined) => void;

/** What is found, with its keys in the case that the type has: daprd does not mind it. */
function spelled(type: z.ZodType, found: unknown, stranger: Stranger, path = ''): unknown {
  if (type instanceof z.ZodOptional || type instanceof z.ZodNullable)
    return spelled(type.unwrap() as z.ZodType, found, stranger, path);
  if (type instanceof z.ZodArray && Array.isArray(found)) {
    const element = type.element as z.ZodType;
    return found.map((one, index) => spelled(element, one, stranger, `${path}${index}.`));
  }
  if (!isMapping(found)) return found;
  if (type instanceof z.ZodDiscriminatedUnion) {
    const option = (type.options as z.ZodObject[]).find(
      ({ shape }) => shape.apiVersion?.safeParse(found.apiVersion).success,
    );
    return option ? spelled(option, found, stranger) : found;
  }
  if (!(type instanceof z.ZodObject)) return found;
  const names = Object.keys(type.shape);
  const entries = Object.entries(found).map(([key, value]) => {
    const name = names.find((one) => one.toLowerCase() === key.toLowerCase());
    if (name) return [name, spelled(type.shape[name], value, stranger, `${path}${name}.`)];
    if (!type.def.catchall) stranger(`${path}${shorten(key)}`, meant(key, names));
    return [key, value];
  });
  return Object.fromEntries(entries);
}

function shorten(word: string): string {
  return word.length > longestTold ? `${word.slice(0, longestTold)}…` : word;
}

function toComponent(file: string, found: Mapping, tell: Tell): ComponentResource[] {
  const shape = shaped(component, found, tell);
  if (!shape) return [];
  const { metadata, spec, scopes } = shape;
  const properties: Record<string, string> = {};
  const secrets: string[] = [];
  const seen = new Set<string>();
  for (const { name, value, secretKeyRef, envRef } of spec.metadata ?? []) {
    if (seen.has(name)) tell('problem', `Component ${metadata.name} has ${name} twice`);
    seen.add(name);
    if (value === undefined && (secretKeyRef || envRef)) secrets.push(name);
    else properties[name] = value ?? '';
  }
  return [
    {
      kind: 'Component',
      file,
      name: metadata.name,
      type: spec.type,
      properties,
      secrets,
      scopes: scopes ?? [],
    },
  ];
}

function toSubscription(file: string, found: Mapping, tell: Tell): SubscriptionResource[] {
  const shape = shaped(subscription, found, tell);
  if (!shape) return [];
  const { metadata, spec, scopes } = shape;
  return [
    {
      kind: 'Subscription',
      file,
      name: metadata.name,
      pubsub: spec.pubsubname,
      topic: spec.topic,
      metadata: spec.metadata ?? {},
      scopes: scopes ?? [],
    },
  ];
}

/** Undefined for what is not of that shape. */
function shaped<Type extends z.ZodType>(
  type: Type,
  found: Mapping,
  tell: Tell,
): z.infer<Type> | undefined {
  const { kind } = found;
  const stranger: Stranger = (path, near) => {
    const text = `${path}: is not a key of a ${kind}`;
    if (near) tell('problem', `${text}; did you mean ${near}?`);
    else tell('warning', `${text}: daprd passes over it, without a word`);
  };
  const { data, error } = type.safeParse(spelled(type, found, stranger));
  for (const { path, message } of error?.issues ?? []) {
    tell('problem', `is no ${kind}: ${path.join('.')}: ${message}`);
  }
  return data;
}
