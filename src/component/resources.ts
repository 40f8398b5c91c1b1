import { readFile } from 'node:fs/promises';
import { type Alias, type Document, LineCounter, parseAllDocuments, visit } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../errors.ts';

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

const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  'must be text, a number, true or false',
);

const text = scalar.transform((value) => (value === null ? '' : String(value)));

const passedOver = 'daprd passes over any other, without a word';

const component = z.object({
  apiVersion: z.literal('dapr.io/v1alpha1', `must be dapr.io/v1alpha1: ${passedOver}`),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    type: z.string(),
    // These are the same to daprd; it finds no component of another one.
    version: z
      .string()
      .regex(/^(v[01])?$/i, 'must be v1')
      .nullish(),
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

const ofSubscription = {
  metadata: z.object({ name: z.string() }),
  scopes: z.array(z.string()).nullish(),
};

const specOfSubscription = z.object({
  pubsubname: z.string(),
  topic: z.string(),
  metadata: z.record(z.string(), text).nullish(),
});

const routes = z
  .object(
    {
      default: z.string().nullish(),
      rules: z.array(z.object({ path: z.string() })).nullish(),
    },
    noRoutes,
  )
  .refine((given) => given.default || given.rules?.length, noRoutes);

const subscription = z.discriminatedUnion(
  'apiVersion',
  [
    z.object({
      ...ofSubscription,
      apiVersion: z.literal('dapr.io/v1alpha1'),
      spec: specOfSubscription.extend({ route: z.string(noRoute).min(1, noRoute) }),
    }),
    z.object({
      ...ofSubscription,
      apiVersion: z.literal('dapr.io/v2alpha1'),
      spec: specOfSubscription.extend({ routes }),
    }),
  ],
  `must be dapr.io/v1alpha1 or dapr.io/v2alpha1: ${passedOver}`,
);

/** Problems told of one file, at most. */
const mostTold = 20;

/**
 * The Components and Subscriptions of a YAML file, in their order; other kinds are passed over. What is
 * wrong with them is told all at once, each problem with its file and line.
 */
export async function readResources(
  file: string,
): Promise<{ resources: Resource[]; problems: string[] }> {
  const lines = new LineCounter();
  let documents: Document[];
  try {
    const text = await readFile(file, 'utf8');
    const options = { lineCounter: lines, prettyErrors: false };
    documents = parseAllDocuments(text, options) as Document[];
  } catch (error) {
    return { resources: [], problems: [`${file}: cannot be read: ${messageOf(error)}`] };
  }
  const problems: string[] = [];
  const resources = documents.flatMap((document): Resource[] => {
    const start = document.contents?.range?.[0];
    const problem: Problem = (text, at = start) => {
      problems.push(`${file}:${lines.linePos(at ?? 0).line}: ${text}`);
    };
    const found = contentOf(document, problem);
    if (found?.kind === 'Component') return toComponent(file, found, problem);
    if (found?.kind === 'Subscription') return toSubscription(file, found, problem);
    return [];
  });
  const more = problems.length - mostTold;
  if (more > 0) problems.splice(mostTold, more, `${file}: and ${more} more`);
  return { resources, problems };
}

/** Takes what is wrong, and at which character of the file where that is not the document's first. */
type Problem = (text: string, at?: number) => void;

// biome-ignore lint/suspicious/noExplicitAny: whatever somebody has written
function contentOf(document: Document, problem: Problem): any {
  for (const { message, pos } of document.errors) {
    // What comes behind a colon is from the file, and may be a secret.
    problem(`is no YAML: ${message.replace(/(\w): .*/s, '$1')}`, pos[0]);
  }
  const lost = aliasesWithoutAnchor(document);
  for (const { range } of lost) {
    problem(
      'is no YAML: an alias without its anchor; quote a value that begins with *',
      range?.[0],
    );
  }
  if (document.errors.length + lost.length > 0) return undefined;
  try {
    return document.toJS();
  } catch (error) {
    problem(`cannot be read: ${messageOf(error)}`);
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

function toComponent(file: string, found: unknown, problem: Problem): ComponentResource[] {
  const shape = shaped(component, found, problem);
  if (!shape) return [];
  const { metadata, spec } = shape;
  const properties: Record<string, string> = {};
  const secrets: string[] = [];
  const seen = new Set<string>();
  for (const { name, value, secretKeyRef, envRef } of spec.metadata ?? []) {
    if (seen.has(name)) problem(`Component ${metadata.name} has ${name} twice`);
    seen.add(name);
    if (value === undefined && (secretKeyRef || envRef)) secrets.push(name);
    else properties[name] = value ?? '';
  }
  return [{ kind: 'Component', file, name: metadata.name, type: spec.type, properties, secrets }];
}

function toSubscription(file: string, found: unknown, problem: Problem): SubscriptionResource[] {
  const shape = shaped(subscription, found, problem);
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
  found: unknown,
  problem: Problem,
): z.infer<Type> | undefined {
  const { data, error } = type.safeParse(found);
  const { kind } = found as { kind: string };
  for (const { path, message } of error?.issues ?? []) {
    problem(`is no ${kind}: ${path.join('.')}: ${message}`);
  }
  return data;
}
