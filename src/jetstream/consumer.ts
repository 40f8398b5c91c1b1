import {
  type ConsumerConfig,
  type ConsumerInfo,
  JetStreamApiCodes,
  JetStreamApiError,
} from '@nats-io/jetstream';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import { fromApi, ifThere } from './api-errors.ts';
import { ask } from './ask.ts';
import type { Connection } from './connection.ts';
import {
  differences,
  namedDurable,
  newConsumer,
  refuseUnchangeable,
  toMillis,
} from './consumer-settings.ts';
import type { AckPolicy } from './in-flight.ts';
import { durableName } from './names.ts';
import { findStream, noStream } from './stream.ts';

/** A consumer that is there and fits its subscription. */
export interface BoundConsumer {
  stream: string;
  /** When the stream was created: tells it from an earlier one of the same name. */
  streamCreated: string;
  name: string;
  /** When the consumer was created. */
  created: string;
  /** Whether it may have one leader after the other. */
  clustered: boolean;
  /** Up to which stream sequence it has delivered. */
  delivered: number;
  ackPolicy: AckPolicy;
  /** How long the server waits for a settlement, by delivery count from 1. Unit: milliseconds. */
  ackWait(deliveryCount: number): number;
  /** Unsettled messages of the whole consumer at most; undefined is no limit. */
  maxAckPending?: number;
  /** Deliveries of one message at most; undefined is no limit. */
  maxDeliver?: number;
  /** Set for a push consumer, and only then. */
  deliverSubject?: string;
  deliverGroup?: string;
  /** Of a push consumer. Unit: milliseconds. */
  heartbeat?: number;
  /** What one pull request may ask for; undefined is no limit. */
  maxBatch?: number;
  /** How much one pull request may bring. Unit: bytes; undefined is no limit. */
  maxBytes?: number;
  /** How long one pull request may last. Unit: milliseconds; undefined is no limit. */
  maxExpires?: number;
}

/** The ephemeral consumer a subscription had, and how far it got. */
export interface Earlier {
  name: string;
  streamCreated: string;
  /** Every message up to this stream sequence is settled. */
  floor: number;
}

/** Others may create and delete at the same time; after so many rounds something is wrong. */
const mostRounds = 5;

/** API errors that say "somebody else made it, differently": 10013, 10105, 10148. */
const alreadyExists = new Set([10013, 10105, 10148]);

/**
 * Finds the consumer of a topic, or creates it, or brings its changeable settings in line.
 *
 * Without durableName it is the app's: `<consumerID>-<topic>`. With it, several topics may share
 * the setting: `<durableName>-<topic>` if that exists, else `<durableName>` if it is free or has
 * this topic already, else `<durableName>-<topic>` is created. An ephemeral one is this
 * subscription's alone.
 *
 * @param wanted asked before an ephemeral consumer is made: nobody would find a second one
 * @throws ComponentError `no-stream`; `invalid-config` where an existing consumer has a setting
 *   that cannot be changed; `unavailable`, `timeout`
 */
export async function bindConsumer(
  connection: Connection,
  config: Config,
  topic: string,
  earlier?: Earlier,
  wanted: () => boolean = () => true,
): Promise<BoundConsumer> {
  const stream = await findStream(connection, config, topic);
  try {
    const { created, config: streamConfig } = await ask(() => connection.api.streams.info(stream));
    const { subjects: streamSubjects } = streamConfig;
    const target = { connection, config, topic, stream, streamSubjects, wanted };
    if (config.ephemeral) {
      const same = earlier?.streamCreated === created ? earlier : undefined;
      return describe(await bindEphemeral(target, same), created);
    }
    for (let round = 0; round < mostRounds; round++) {
      const info = await findOrCreate(target);
      if (info) return describe(await bringInLine(connection, config, info), created);
    }
  } catch (error) {
    const problem = fromApi(error);
    throw problem.code === 'no-stream' ? noStream(topic, stream) : problem;
  }
  throw new ComponentError('unavailable', `the consumer for "${topic}" keeps changing`);
}

/** What a consumer is looked for or created with. */
interface Target {
  connection: Connection;
  config: Config;
  topic: string;
  stream: string;
  streamSubjects: string[] | undefined;
  wanted: () => boolean;
}

async function bindEphemeral(
  { connection, config, topic, stream, wanted }: Target,
  earlier: Earlier | undefined,
): Promise<ConsumerInfo> {
  const found = earlier && (await find(connection, stream, earlier.name));
  if (found) return found;
  if (!wanted()) throw new ComponentError('closed', 'overtaken by another attempt');
  const settings = newConsumer(config, topic, undefined, earlier?.floor);
  return connection.api.consumers.add(stream, settings);
}

/** Undefined when somebody else was quicker: look again. */
async function findOrCreate(target: Target): Promise<ConsumerInfo | undefined> {
  const { connection, config, stream, topic } = target;
  const named = namedDurable(config);
  const own = durableName(named ?? config.consumerID, topic);
  const ownInfo = await find(connection, stream, own);
  if (ownInfo) {
    if (takes(target, ownInfo)) return ownInfo;
    throw new ComponentError(
      'invalid-config',
      `the consumer "${own}" of stream ${stream} is there for another subject ` +
        `(${filterOf(ownInfo.config) ?? 'every one'}): delete it or set durableName`,
    );
  }
  if (named === undefined) return create(target, own);
  const shared = await find(connection, stream, named);
  if (!shared) return create(target, named);
  if (takes(target, shared)) return shared;
  return create(target, own);
}

function find(
  connection: Connection,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  const info = ask(() => connection.api.consumers.info(stream, name));
  return ifThere(info, JetStreamApiCodes.ConsumerNotFound);
}

/**
 * nats-server 2.10 notes twice when a consumer was created, and from its first restart on tells the
 * second time, a fraction of a millisecond later. No other consumer is made so soon, since that
 * takes several questions. Unit: milliseconds.
 */
const creationDrift = 5;

/** Whether two times of creation, as the server told them one after the other, mean one consumer. */
export function sameCreation(before: string, now: string): boolean {
  const drift = Date.parse(now) - Date.parse(before);
  return before === now || (drift >= 0 && drift <= creationDrift);
}

/**
 * Whether a consumer is still the one it was.
 *
 * @throws ComponentError where nobody can tell now
 */
export async function isStillThere(
  connection: Connection,
  { stream, name, created }: BoundConsumer,
): Promise<boolean> {
  try {
    const found = await find(connection, stream, name);
    return found !== undefined && sameCreation(created, found.created);
  } catch (error) {
    const reason = fromApi(error);
    if (reason.code === 'no-stream') return false;
    throw reason;
  }
}

async function create(target: Target, name: string): Promise<ConsumerInfo | undefined> {
  const { connection, config, stream, topic } = target;
  try {
    return await connection.api.consumers.add(stream, newConsumer(config, topic, name));
  } catch (error) {
    if (error instanceof JetStreamApiError && alreadyExists.has(error.code)) return undefined;
    throw error;
  }
}

/** Whether an existing consumer delivers this topic and nothing else. */
function takes({ topic, streamSubjects }: Target, info: ConsumerInfo): boolean {
  const filter = filterOf(info.config);
  if (filter !== undefined) return filter === topic;
  return streamSubjects?.length === 1 && streamSubjects[0] === topic;
}

/** Undefined for a consumer without filter. */
function filterOf({ filter_subject, filter_subjects }: ConsumerConfig): string | undefined {
  return filter_subject || filter_subjects?.join(', ') || undefined;
}

async function bringInLine(
  connection: Connection,
  config: Config,
  info: ConsumerInfo,
): Promise<ConsumerInfo> {
  refuseUnchangeable(config, info);
  if (info.config.deliver_subject && !info.config.deliver_group && info.push_bound) {
    throw new ComponentError(
      'taken',
      `the push consumer "${info.name}" is in use by another client; it has no deliver group, so ` +
        'only one at a time can have it',
    );
  }
  const change = differences(config, info);
  if (Object.keys(change).length === 0) return info;
  return connection.api.consumers.update(info.stream_name, info.name, change);
}

function describe(
  { stream_name, name, created, delivered, config, cluster }: ConsumerInfo,
  streamCreated: string,
): BoundConsumer {
  const waits = (config.backoff?.length ? config.backoff : [config.ack_wait ?? 30e9]).map(toMillis);
  const positive = (value = 0) => (value > 0 ? value : undefined);
  const millis = (nanos = 0) => positive(toMillis(nanos));
  return {
    stream: stream_name,
    streamCreated,
    name,
    created,
    clustered: cluster !== undefined,
    delivered: delivered.stream_seq,
    ackPolicy:
      config.ack_policy === 'all' || config.ack_policy === 'none' ? config.ack_policy : 'explicit',
    ackWait: (count) => waits[Math.min(count, waits.length) - 1] as number,
    maxAckPending: positive(config.max_ack_pending),
    maxDeliver: positive(config.max_deliver),
    deliverSubject: config.deliver_subject,
    deliverGroup: config.deliver_group,
    heartbeat: millis(config.idle_heartbeat),
    maxBatch: positive(config.max_batch),
    maxBytes: positive(config.max_bytes),
    maxExpires: millis(config.max_expires),
  };
}
