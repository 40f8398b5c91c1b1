import { readFile } from 'node:fs/promises';
import { type Document, parseAllDocuments } from 'yaml';
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

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const text = scalar.transform((value) => (value === null ? '' : String(value)));

const component = z.object({
  // daprd passes over a Component of another one, without a word.
  apiVersion: z.literal('dapr.io/v1alpha1').optional(),
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

const subscription = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    pubsubname: z.string(),
    topic: z.string(),
    metadata: z.record(z.string(), text).nullish(),
  }),
  scopes: z.array(z.string()).nullish(),
});

/**
 * The Components and Subscriptions of a YAML file, in their order; other kinds are passed over.
 *
 * @throws Error naming the file and the place in it
 */
export async function readResources(file: string): Promise<Resource[]> {
  let documents: Document[];
  try {
    documents = parseAllDocuments(await readFile(file, 'utf8')) as Document[];
  } catch (error) {
    throw new Error(`${file}: cannot be read: ${messageOf(error)}`);
  }
  return documents.flatMap((document): Resource[] => {
    const [problem] = document.errors;
    if (problem)
      throw new Error(`${file}: is no YAML: ${problem.message.split('\n')[0]?.replace(/:$/, '')}`);
    const found = document.toJS();
    if (found?.kind === 'Component') return [toComponent(file, found)];
    if (found?.kind === 'Subscription') return [toSubscription(file, found)];
    return [];
  });
}

function toComponent(file: string, found: unknown): ComponentResource {
  const { metadata, spec } = shaped(component, file, found);
  const properties: Record<string, string> = {};
  const secrets: string[] = [];
  for (const { name, value, secretKeyRef, envRef } of spec.metadata ?? []) {
    if (name in properties || secrets.includes(name)) {
      throw new Error(`${file}: Component ${metadata.name} has ${name} twice`);
    }
    if (value === undefined && (secretKeyRef || envRef)) secrets.push(name);
    else properties[name] = value ?? '';
  }
  return { kind: 'Component', file, name: metadata.name, type: spec.type, properties, secrets };
}

function toSubscription(file: string, found: unknown): SubscriptionResource {
  const { metadata, spec, scopes } = shaped(subscription, file, found);
  return {
    kind: 'Subscription',
    file,
    name: metadata.name,
    pubsub: spec.pubsubname,
    topic: spec.topic,
    metadata: spec.metadata ?? {},
    scopes: scopes ?? [],
  };
}

function shaped<Type extends z.ZodType>(type: Type, file: string, found: unknown): z.infer<Type> {
  const result = type.safeParse(found);
  if (result.success) return result.data;
  const { kind } = found as { kind: string };
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`${file}: is no ${kind}: ${problems.join('; ')}`);
}
