import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { DaprdOptions } from '../support/daprd.ts';
import { until } from '../support/wait.ts';
import { type Combination, matrix, numberOf, startOn, startStand, title } from './matrix.ts';

interface Trial {
  messages: number;
  /** Unit: milliseconds. */
  handling: (n: number, run: number) => number;
  metadata: Record<string, string>;
  /** Between two messages. Unit: milliseconds. */
  pause?: number;
  options?: Partial<DaprdOptions>;
}

/** What the app saw: how many handlers ran at once at most, and how often each message came. */
interface Seen {
  most: number;
  runs: number[];
}

/** Hands slow handlers a number of messages, and waits until all of them are settled. */
async function run(combination: Combination, trial: Trial): Promise<Seen> {
  await using pair = await startStand(combination);
  const runs = Array.from({ length: trial.messages }, () => 0);
  let running = 0;
  let most = 0;
  const handle = async (data: unknown) => {
    const n = numberOf(data);
    runs[n] = (runs[n] ?? 0) + 1;
    most = Math.max(most, ++running);
    await sleep(trial.handling(n, runs[n] ?? 0));
    running--;
  };
  const { metadata, pause = 0, options } = trial;
  await using sidecar = await startOn(combination, pair, { handle }, { metadata, ...options });
  for (let n = 0; n < trial.messages; n++) {
    await sidecar.daprd.publish('pubsub', 'orders', { n });
    await sleep(pause);
  }
  await until(
    'everything settled',
    async () => {
      const info = await pair.nats.api.consumers.info('ORDERS', 'app-orders');
      return info.num_pending + info.num_ack_pending === 0;
    },
    40_000,
  );
  return { most, runs };
}

const once = (messages: number) => Array.from({ length: messages }, () => 1);

describe.each(matrix)(title, (combination) => {
  const { parallel } = combination;

  test('how many handlers of a subscription run at once', async () => {
    const trial = { messages: 10, handling: () => 300, metadata: {} };
    const { most, runs } = await run(combination, trial);
    expect(most).toBe(parallel ? 10 : 1);
    expect(runs).toEqual(once(10));
  });

  test.each([
    [{ concurrency: 'single' }, 1],
    [{ prefetchCount: '3' }, 3],
  ] as const)('%o bounds it', async (metadata, bound) => {
    const trial = { messages: 10, handling: () => 200, metadata };
    const { most, runs } = await run(combination, trial);
    expect(most).toBe(parallel ? bound : 1);
    expect(runs).toEqual(once(10));
  });

  test('what is handled within ackWait runs once, however many wait or run', async () => {
    const metadata = { ackWait: '1s' };
    const { runs } = await run(combination, { messages: 10, handling: () => 600, metadata });
    expect(runs).toEqual(once(10));
  });

  test('daprd holds messages back for the app: waiting costs no redelivery', async () => {
    const trial = {
      messages: 60,
      handling: () => 100,
      metadata: { ackWait: '1s' },
      options: { args: ['--app-max-concurrency', '2'] },
    };
    const { most, runs } = await run(combination, trial);
    expect(most).toBe(parallel ? 2 : 1);
    expect(runs).toEqual(once(60));
  });

  test('handlers longer than ackWait', async ({ annotate }) => {
    // The second time it is quick, so that this ends.
    const handling = (_: number, run: number) => (run === 1 ? 1_600 : 0);
    const { runs } = await run(combination, {
      messages: 10,
      handling,
      metadata: { ackWait: '1s' },
    });
    await annotate(`runs of the ten messages: ${runs.join(' ')}`);
    expect(runs[0]).toBe(2);
  });

  test('a handler that is stuck does not cost the others a redelivery', async ({ annotate }) => {
    // Five ackWaits; then it ends after all.
    const handling = (n: number, run: number) => (n === 0 && run === 1 ? 5_000 : 600);
    const { runs } = await run(combination, {
      messages: 10,
      handling,
      metadata: { ackWait: '1s' },
      pause: 450,
    });
    await annotate(`runs of the ten messages: ${runs.join(' ')}`);
    if (parallel) expect(runs.slice(1)).toEqual(once(9));
  });
});
