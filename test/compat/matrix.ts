import type { App, AppOptions } from '../support/app.ts';
import type { DaprdBinary, DaprdOptions } from '../support/daprd.ts';
import type { NatsServerBinary } from '../support/nats-server.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

/** What is tested together, and in which way this daprd differs from the others. */
export interface Combination {
  daprd: DaprdBinary;
  nats: NatsServerBinary;
  /** Hands the messages of a subscription to the app at the same time, not one by one. */
  parallel: boolean;
  /** Takes a changed Component while it runs: `feature`, where its Configuration says so. */
  reloads: 'always' | 'feature' | 'never';
}

const newest = { daprd: 'daprd', parallel: false, reloads: 'always' } as const;
const middle = { daprd: 'daprd-1.16', parallel: false, reloads: 'feature' } as const;
const oldest = { daprd: 'daprd-1.12', parallel: true, reloads: 'never' } as const;

/** Each daprd beside the newest server, each server beside the newest daprd, and the oldest two. */
export const matrix: readonly Combination[] = [
  { ...newest, nats: 'nats-server' },
  { ...middle, nats: 'nats-server' },
  { ...oldest, nats: 'nats-server' },
  { ...newest, nats: 'nats-server-2.10' },
  { ...oldest, nats: 'nats-server-2.10' },
];

/** For `describe.each`. */
export const title = '$daprd, $nats';

/** A pair of component and nats-server with a stream for `orders`, `orders.>`. */
export async function startStand({ nats }: Combination): Promise<Pair> {
  const pair = await startPair({ nats: { binary: nats } });
  await pair.nats.stream('ORDERS', 'orders', 'orders.>');
  return pair;
}

/** As {@link startSidecar}, with the daprd of the combination. */
export function startOn(
  { daprd }: Combination,
  pair: Pair,
  app: Partial<AppOptions> = {},
  options: { appId?: string; metadata?: Record<string, string> } & Partial<DaprdOptions> = {},
): Promise<Sidecar> {
  return startSidecar(pair, options.appId ?? 'app', app, { ...options, binary: daprd });
}

/** The number in a test's message. */
export const numberOf = (data: unknown) => (data as { n: number }).n;

export const numbersOf = ({ received }: App) => received.map(({ data }) => numberOf(data));
