import { setTimeout as sleep } from 'node:timers/promises';
import type { AppOptions } from '../support/app.ts';
import { Tally } from '../support/tally.ts';
import { until } from '../support/wait.ts';
import { Load } from './load.ts';
import { type Peer, type Pod, World, type WorldOptions } from './world.ts';

export interface Context {
  peer: Peer;
  binary: WorldOptions['binary'];
  log?: WorldOptions['log'];
}

export interface Outcome {
  /** Publishes that were confirmed; the other counts are about these alone. */
  sent: number;
  received: number;
  lost: number;
  duplicates: number;
  /** Publishes that failed, which their caller knows. */
  refused: number;
  /** From {@link Scenario.since} to the arrival of a message sent after it. Unit: milliseconds. */
  recovery?: number | 'never';
  /** Why the scenario could not be played; the counts say nothing then. */
  notPlayed?: string;
  /** What else was seen. */
  seen?: string;
  /** Promises of the scenario's own that were not kept, in words. */
  broken: string[];
}

export interface Scenario {
  name: string;
  title: string;
  /** From when on recovery counts. */
  since?: string;
  /** The longest recovery that is still good. Unit: milliseconds. */
  recoveryLimit?: number;
  /** Why the built-in component is not put to this test. */
  notForBuiltIn?: string;
  run(context: Context): Promise<Outcome>;
}

/** From the end of an outage. Unit: milliseconds. */
const usualRecoveryLimit = 3_000;

/** After this long a subscription counts as dead. Unit: milliseconds. */
export const never = 30_000;

/** Unit: messages a second. */
const rate = 100;

/** @returns what was promised and not kept, in words; empty when all is well */
export function judge(scenario: Scenario, outcome: Outcome): string[] {
  const broken = [...outcome.broken];
  const { lost, recovery, sent } = outcome;
  if (lost > 0) broken.push(`${lost} lost`);
  if (sent === 0) broken.push('nothing could be sent');
  const limit = scenario.recoveryLimit ?? usualRecoveryLimit;
  if (recovery === 'never') broken.push('never recovered');
  else if (recovery !== undefined && recovery > limit) {
    broken.push(`recovered after ${recovery.toFixed(0)} ms, not within ${limit} ms`);
  }
  return broken;
}

/** A consumer that goes on where it was, whichever of the replicas asks. */
export const durable = {
  ours: {},
  'built-in': { durableName: 'chaos', queueGroupName: 'chaos' },
} satisfies Record<Peer, Record<string, string>>;

export interface Scene {
  world: World;
  sender: Pod;
  receiver: Pod;
  tally: Tally;
}

export interface LoadedOptions {
  context: Context;
  world?: Partial<WorldOptions>;
  /** Makes what is there before the pods start; by default the stream. */
  prepare?: (world: World) => Promise<void>;
  /** Metadata of the receiver's Component. */
  metadata?: Record<Peer, Record<string, string>>;
  /** Whether messages must flow before something is broken. */
  flowing?: boolean;
  /** Breaks something, and returns when it was whole again, in terms of performance.now(). */
  fault(scene: Scene): Promise<number>;
}

export const makeStream = (world: World) => world.nats.stream('ORDERS', 'orders');

/** One app publishes at a steady rate, another receives; something breaks; all that was sent counts. */
export async function underLoad(options: LoadedOptions): Promise<Outcome> {
  const { context, prepare = makeStream, metadata = durable, flowing = true, fault } = options;
  const { peer } = context;
  await using world = await World.start({ ...context, ...options.world });
  await prepare(world);
  const tally = new Tally();
  const app: Partial<AppOptions> = {
    handle: (data) => tally.received((data as { orderId: number }).orderId),
  };
  const [receiver, sender] = await Promise.all([
    world.pod({ appId: 'receiver', app, metadata: { ackWait: '5s', ...metadata[peer] } }),
    world.pod({ appId: 'sender' }),
  ]);
  const load = new Load({ daprd: sender.daprd, topic: 'orders', rate, tally });
  try {
    if (flowing) await until('messages', () => tally.arrived >= rate, 30_000);
    let recovery: number | 'never' = 'never';
    const broken: string[] = [];
    try {
      recovery = await recoveryFrom(await fault({ world, sender, receiver, tally }), tally);
    } catch (error) {
      // What was lost until then counts all the same.
      broken.push((error as Error).message);
    }
    const more = tally.arrived + rate;
    if (recovery !== 'never') await until('more messages', () => tally.arrived >= more, never);
    await load.stop();
    return { ...(await settle(world, tally)), recovery, broken };
  } finally {
    await load.stop();
  }
}

/** How long until a message arrives that was sent after `over`. */
export async function recoveryFrom(over: number, tally: Tally): Promise<number | 'never'> {
  return until('recovery', () => tally.arrivalSince(over), never).then(
    (at) => at - over,
    () => 'never' as const,
  );
}

/** Waits until all has arrived and nothing can come again, as far as it ever will. */
export async function settle(world: World, tally: Tally): Promise<Outcome> {
  await tally.settled(never);
  await until('idle consumers', () => isIdle(world), never).catch(() => undefined);
  return count(tally);
}

export function count(tally: Tally): Outcome {
  const { stored, lost, duplicates, failed } = tally;
  const received = stored - lost;
  return { sent: stored, received, lost, duplicates, refused: failed, broken: [] };
}

async function isIdle(world: World): Promise<boolean> {
  const consumers = await world.nats.api.consumers.list('ORDERS').next();
  return consumers.every(({ num_ack_pending, num_pending }) => num_ack_pending + num_pending === 0);
}

/** The length of a fault, which is what it is whatever happens meanwhile. Unit: milliseconds. */
export const lasting = (milliseconds: number) => sleep(milliseconds);
