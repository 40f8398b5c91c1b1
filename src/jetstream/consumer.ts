import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
} from '@nats-io/jetstream';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { durableName } from './names.ts';
import { findStream, fromApi } from './stream.ts';

/** A consumer that is there and fits its subscription. */
export interface BoundConsumer {
  stream: string;
  name: string;
  /** How long the server waits for a settlement, by delivery count from 1. Unit: milliseconds. */
  ackWait(deliveryCount: number): number;
  /** Unsettled messages of the whole consumer at most; undefined is no limit. */
  maxAckPending?: number;
  /** What one pull request may ask for; undefined is no limit. */
  maxBatch?: number;
  /** How long one pull request may last. Unit: milliseconds; undefined is no limit. */
  maxExpires?: number;
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
 * this topic already, else `<durableName>-<topic>` is created.
 *
 * @throws ComponentError `no-stream`; `invalid-config` where an existing consumer has a setting
 *   that cannot be changed; `unavailable`, `timeout`
 */
export async function bindConsumer(
  connection: Connection,
  config: Config,
  topic: string,
): Promise<BoundConsumer> {
  const stream = await findStream(connection, topic, config.streamName);
  try {
    for (let round = 0; round < mostRounds; round++) {
      const info = await findOrCreate(connection, config, stream, topic);
      if (info) return describe(await bringInLine(connection, config, info));
    }
  } catch (error) {
    throw fromApi(error);
  }
  throw new ComponentError('unavailable', `the consumer for "${topic}" keeps changing`);
}

/** Undefined when somebody else was quicker: look again. */
async function findOrCreate(
  connection: Connection,
  config: Config,
  stream: string,
  topic: string,
): Promise<ConsumerInfo | undefined> {
  const own = durableName(config.durableName ?? config.consumerID, topic);
  const ownInfo = await find(connection, stream, own);
  if (ownInfo) {
    if (await takes(connection, ownInfo, topic)) return ownInfo;
    throw new ComponentError(
      'invalid-config',
      `the consumer "${own}" of stream ${stream} is there for another subject ` +
        `(${filterOf(ownInfo.config) ?? 'every one'}): delete it or set durableName`,
    );
  }
  if (config.durableName === undefined) return create(connection, config, stream, own, topic);
  const shared = await find(connection, stream, config.durableName);
  if (!shared) return create(connection, config, stream, config.durableName, topic);
  if (await takes(connection, shared, topic)) return shared;
  return create(connection, config, stream, own, topic);
}

async function find(
  connection: Connection,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await connection.api.consumers.info(stream, name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) {
      return undefined;
    }
    throw error;
  }
}

async function create(
  connection: Connection,
  config: Config,
  stream: string,
  name: string,
  topic: string,
): Promise<ConsumerInfo | undefined> {
  const wanted: Partial<ConsumerConfig> = {
    durable_name: name,
    filter_subject: topic,
    ack_policy: AckPolicy.Explicit,
    ...startOf(config),
    ...changeable(config),
  };
  if (config.memoryStorage !== undefined) wanted.mem_storage = config.memoryStorage;
  try {
    return await connection.api.consumers.add(stream, wanted);
  } catch (error) {
    if (error instanceof JetStreamApiError && alreadyExists.has(error.code)) return undefined;
    throw error;
  }
}

/** Whether an existing consumer delivers this topic and nothing else. */
async function takes(connection: Connection, info: ConsumerInfo, topic: string): Promise<boolean> {
  const filter = filterOf(info.config);
  if (filter !== undefined) return filter === topic;
  const { config } = await connection.api.streams.info(info.stream_name);
  return config.subjects?.length === 1 && config.subjects[0] === topic;
}

/** Undefined for a consumer without filter. */
function filterOf({ filter_subject, filter_subjects }: ConsumerConfig): string | undefined {
  return filter_subject || filter_subjects?.join(', ') || undefined;
}

function startOf(config: Config): Partial<ConsumerConfig> {
  switch (config.deliverPolicy) {
    case 'last':
      return { deliver_policy: DeliverPolicy.Last };
    case 'new':
      return { deliver_policy: DeliverPolicy.New };
    case 'sequence':
      return {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: config.startSequence,
      };
    case 'time':
      return {
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date((config.startTime ?? 0) * 1000).toISOString(),
      };
    default:
      return { deliver_policy: DeliverPolicy.All };
  }
}

/** What the user has set of the settings that a server lets one change. */
function changeable(config: Config): Partial<ConsumerConfig> {
  const wanted: Partial<ConsumerConfig> = {};
  // The server puts the first delay of backOff in the place of ackWait.
  const ackWait = config.backOff?.[0] ?? config.ackWait;
  if (ackWait !== undefined) wanted.ack_wait = toNanos(ackWait);
  if (config.backOff) wanted.backoff = config.backOff.map(toNanos);
  if (config.maxDeliver !== undefined) wanted.max_deliver = config.maxDeliver || -1;
  if (config.maxAckPending !== undefined) wanted.max_ack_pending = config.maxAckPending;
  if (config.replicas !== undefined) wanted.num_replicas = config.replicas;
  return wanted;
}

async function bringInLine(
  connection: Connection,
  config: Config,
  info: ConsumerInfo,
): Promise<ConsumerInfo> {
  const { stream_name: stream, name, config: found } = info;
  refuseUnchangeable(config, info);
  const wanted = changeable(config);
  const differs = Object.entries(wanted).some(
    ([key, value]) =>
      JSON.stringify(found[key as keyof ConsumerConfig]) !== JSON.stringify(value) &&
      // A server's default is not always spelt out: 0 replicas means the stream's.
      !(value === 0 && found[key as keyof ConsumerConfig] === undefined),
  );
  return differs ? connection.api.consumers.update(stream, name, wanted) : info;
}

/** @throws ComponentError `invalid-config` naming the setting */
function refuseUnchangeable(config: Config, { name, stream_name, config: found }: ConsumerInfo) {
  const conflict = (field: string, has: unknown) =>
    new ComponentError(
      'invalid-config',
      `the consumer "${name}" of stream ${stream_name} has ${has}, which cannot be changed to ` +
        `what ${field} says: delete the consumer, or choose another durableName`,
    );
  if (found.deliver_subject) {
    throw new ComponentError(
      'invalid-config',
      `the consumer "${name}" of stream ${stream_name} is a push consumer, which this version ` +
        'does not take over: choose another durableName',
    );
  }
  if (found.ack_policy !== AckPolicy.Explicit) throw conflict('ackPolicy', found.ack_policy);
  if (config.deliverPolicy === undefined) return;
  const wanted = startOf(config);
  const same =
    wanted.deliver_policy === found.deliver_policy &&
    wanted.opt_start_seq === found.opt_start_seq &&
    Date.parse(wanted.opt_start_time ?? '0') === Date.parse(found.opt_start_time ?? '0');
  if (!same) throw conflict('deliverPolicy', `deliver policy "${found.deliver_policy}"`);
}

function describe({ stream_name, name, config }: ConsumerInfo): BoundConsumer {
  const waits = (config.backoff?.length ? config.backoff : [config.ack_wait ?? 30e9]).map(toMillis);
  const { max_ack_pending = 0, max_batch, max_expires } = config;
  return {
    stream: stream_name,
    name,
    ackWait: (count) => waits[Math.min(count, waits.length) - 1] as number,
    maxAckPending: max_ack_pending > 0 ? max_ack_pending : undefined,
    maxBatch: max_batch || undefined,
    maxExpires: max_expires ? toMillis(max_expires) : undefined,
  };
}

function toNanos(milliseconds: number): number {
  return Math.round(milliseconds * 1e6);
}

function toMillis(nanos: number): number {
  return nanos / 1e6;
}
