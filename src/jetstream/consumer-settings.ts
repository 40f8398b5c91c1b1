import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
} from '@nats-io/jetstream';
import { createInbox } from '@nats-io/transport-node';
import type { Config } from '../component/config.ts';
import { ComponentError } from '../errors.ts';

/** Flow control needs a heartbeat; this one where none is set. Unit: milliseconds. */
const defaultHeartbeat = 5_000;

/**
 * How long the server keeps a consumer without durable name that nobody asks: longer than a host
 * may be cut off and come back. Unit: milliseconds.
 */
const ephemeralLife = 5 * 60_000;

/** The durable the user has named, for one topic or several. */
export function namedDurable(config: Config): string | undefined {
  return config.durableName ?? config.queueGroupName;
}

/** Whether a new consumer is a push consumer. */
export function wantsPush(config: Config): boolean {
  if (config.consumerType !== 'auto') return config.consumerType === 'push';
  const { flowControl, heartbeat, rateLimit, queueGroupName } = config;
  return Boolean(flowControl || heartbeat || rateLimit || queueGroupName);
}

/**
 * What a new consumer is created with.
 *
 * @param durable undefined for an ephemeral one
 * @param after an ephemeral one that is made anew goes on behind this stream sequence
 */
export function newConsumer(
  config: Config,
  topic: string,
  durable: string | undefined,
  after = 0,
): Partial<ConsumerConfig> {
  return {
    filter_subject: topic,
    ack_policy: ackPolicies[config.ackPolicy ?? 'explicit'],
    ...(durable ? { durable_name: durable } : { inactive_threshold: toNanos(ephemeralLife) }),
    ...(after > 0 ? behind(after) : startOf(config)),
    ...changeable(config),
    ...(wantsPush(config) ? pushed(config, durable) : {}),
    ...(config.memoryStorage === undefined ? {} : { mem_storage: config.memoryStorage }),
  };
}

/** What the user has set of the settings that a server lets one change. */
export function changeable(config: Config, push = wantsPush(config)): Partial<ConsumerConfig> {
  const wanted: Partial<ConsumerConfig> = {};
  // The server puts the first delay of backOff in the place of ackWait.
  const ackWait = config.backOff?.[0] ?? config.ackWait;
  if (ackWait !== undefined) wanted.ack_wait = toNanos(ackWait);
  if (config.backOff) wanted.backoff = config.backOff.map(toNanos);
  if (config.maxDeliver !== undefined) wanted.max_deliver = config.maxDeliver || -1;
  if (config.maxAckPending !== undefined && config.ackPolicy !== 'none') {
    wanted.max_ack_pending = config.maxAckPending;
  }
  if (config.replicas !== undefined) wanted.num_replicas = config.replicas;
  if (config.rateLimit !== undefined && push) wanted.rate_limit_bps = config.rateLimit;
  return wanted;
}

/** Of the changeable settings, those an existing consumer has otherwise. */
export function differences(config: Config, { config: found }: ConsumerInfo) {
  const wanted = changeable(config, found.deliver_subject !== undefined);
  const entries = Object.entries(wanted).filter(([key, value]) => {
    const has = found[key as keyof ConsumerConfig];
    // A server's default is not always spelt out: 0 replicas means the stream's.
    if (value === 0 && has === undefined) return false;
    return JSON.stringify(has) !== JSON.stringify(value);
  });
  return Object.fromEntries(entries) as Partial<ConsumerConfig>;
}

/**
 * @throws ComponentError `invalid-config` naming the field that asks for what an existing consumer
 *   is not and cannot become
 */
export function refuseUnchangeable(config: Config, info: ConsumerInfo): void {
  const { name, stream_name, config: found } = info;
  const isPush = found.deliver_subject !== undefined;
  const refuse = (field: keyof Config, has: string): never => {
    throw new ComponentError(
      'invalid-config',
      `the consumer "${name}" of stream ${stream_name} has ${has}, which cannot be changed to ` +
        `what ${field} says: delete the consumer, or choose another durableName`,
    );
  };
  if (found.priority_groups?.length) {
    throw new ComponentError(
      'invalid-config',
      `the consumer "${name}" of stream ${stream_name} has priority groups, which this component ` +
        'does not take part in: choose another durableName',
    );
  }
  if (config.consumerType !== 'auto' && isPush !== (config.consumerType === 'push')) {
    refuse('consumerType', isPush ? 'the type push' : 'the type pull');
  }
  if (isPush && config.queueGroupName && found.deliver_group !== config.queueGroupName) {
    refuse('queueGroupName', `the deliver group "${found.deliver_group ?? ''}"`);
  }
  if (config.ackPolicy && found.ack_policy !== ackPolicies[config.ackPolicy]) {
    refuse('ackPolicy', `the ack policy "${found.ack_policy}"`);
  }
  if (config.memoryStorage !== undefined && Boolean(found.mem_storage) !== config.memoryStorage) {
    refuse('memoryStorage', `memory storage "${Boolean(found.mem_storage)}"`);
  }
  if (isPush && !config.queueGroupName) {
    const wanted = pushed(config, undefined);
    if (config.flowControl !== undefined && Boolean(found.flow_control) !== config.flowControl) {
      refuse('flowControl', `flow control "${Boolean(found.flow_control)}"`);
    }
    if (config.heartbeat !== undefined && found.idle_heartbeat !== wanted.idle_heartbeat) {
      refuse('heartbeat', `a heartbeat of ${toMillis(found.idle_heartbeat ?? 0)} ms`);
    }
  }
  if (config.deliverPolicy === undefined) return;
  const wanted = startOf(config);
  const same =
    wanted.deliver_policy === found.deliver_policy &&
    wanted.opt_start_seq === found.opt_start_seq &&
    Date.parse(wanted.opt_start_time ?? '0') === Date.parse(found.opt_start_time ?? '0');
  if (!same) refuse('deliverPolicy', `the deliver policy "${found.deliver_policy}"`);
}

const ackPolicies = {
  explicit: AckPolicy.Explicit,
  all: AckPolicy.All,
  none: AckPolicy.None,
};

function pushed(config: Config, durable: string | undefined): Partial<ConsumerConfig> {
  const wanted: Partial<ConsumerConfig> = { deliver_subject: createInbox() };
  const heartbeat = config.heartbeat ?? (config.flowControl ? defaultHeartbeat : undefined);
  // The members of a group could not tell whose heartbeat it is: NATS allows it with no group. Where
  // there is none, a group lets the replicas of an app share.
  const group = config.queueGroupName ?? (heartbeat ? undefined : durable);
  if (group) {
    wanted.deliver_group = group;
    return wanted;
  }
  if (heartbeat) wanted.idle_heartbeat = toNanos(heartbeat);
  if (config.flowControl) wanted.flow_control = true;
  return wanted;
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

function behind(sequence: number): Partial<ConsumerConfig> {
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence + 1 };
}

export function toNanos(milliseconds: number): number {
  return Math.round(milliseconds * 1e6);
}

export function toMillis(nanos: number): number {
  return nanos / 1e6;
}
