import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PlanClient } from '../../support/differential/client.ts';
import { comparable, isCut, type Outcome } from '../../support/differential/compare.ts';
import type { Plan } from '../../support/differential/plan.ts';
import { plans } from '../../support/differential/plans.ts';
import { PlanServer } from '../../support/differential/server.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { until } from '../../support/wait.ts';

/** DIFFERENTIAL_RUNS and DIFFERENTIAL_SEED make more runs, and the runs of a failure again. */
const { DIFFERENTIAL_RUNS: runs = '150', DIFFERENTIAL_SEED: seed } = process.env;

/** No run begins later than this, unless a number of runs is asked for. Unit: milliseconds. */
const timeForRuns = 25_000;

let stack: AsyncDisposableStack;
let own: Side;
let grpcJs: Side;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  own = stack.use(await Side.start('own', folder.path));
  grpcJs = stack.use(await Side.start('grpc-js', folder.path));
});

afterAll(() => stack.disposeAsync());

test('both servers answer the same calls in the same way', { timeout: 3_600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(plans, { minLength: 1, maxLength: 4 }), async (together) => {
      await Promise.all(together.map(same));
      expect(own.server.defects).toBe(grpcJs.server.defects);
    }),
    {
      numRuns: Number(runs),
      ...(seed ? { seed: Number(seed) } : {}),
      ...(process.env.DIFFERENTIAL_RUNS ? {} : { interruptAfterTimeLimit: timeForRuns }),
    },
  );
});

/** Makes a call on both servers and compares what became of it. */
async function same(plan: Plan): Promise<void> {
  const outcomes = await Promise.all([own.run(plan), grpcJs.run(plan)]);
  // A handler hears of a client that gives up after the client itself, and may be called only then.
  const told = () => outcomes.every(({ server }) => !server.called || server.cancelled);
  if (isCut(plan)) await until('onCancel', told, 5_000);
  const [mine, its] = comparable(plan, ...outcomes);
  expect(mine).toEqual(its);
}

/** One server and its client. */
class Side implements AsyncDisposable {
  readonly server: PlanServer;
  readonly #client: PlanClient;
  #count = 0;

  private constructor(server: PlanServer) {
    this.server = server;
    this.#client = new PlanClient(server.socket);
  }

  static async start(name: 'own' | 'grpc-js', folder: string): Promise<Side> {
    return new Side(await PlanServer.start(name, folder));
  }

  async run(plan: Plan): Promise<Outcome> {
    const id = `${++this.#count}`;
    const server = this.server.expect(id, plan);
    const client = await this.#client.run(id, plan, server);
    return { client, server };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
