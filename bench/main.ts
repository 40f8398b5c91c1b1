/**
 * `npm run bench`: measures this component beside others, in one run and in turn, and writes
 * docs/performance.json, the generated parts of docs/performance.md and the charts.
 *
 * Exit status: 0 when everything was measured, whatever the result; 1 when a run failed; 2 for an
 * invalid option.
 */
import { join } from 'node:path';
import { NatsServer } from '../test/support/nats-server.ts';
import { describeMachine } from '../tools/machine.ts';
import { type Plan, readArguments, usage } from './arguments.ts';
import { buildCommands, buildComponent } from './build.ts';
import { fullGrowth, type Growth, measureGrowth, quickGrowth } from './growth.ts';
import { orderOf } from './order.ts';
import { describePeers, type Peer, type PeerName } from './peers.ts';
import { readPerformance } from './performance.ts';
import { report } from './report.ts';
import type { Results } from './results.ts';
import type { Bench } from './runs.ts';
import type { Sample } from './sample.ts';
import { describeSteal, stealOf } from './steal.ts';
import { endAtSignals } from './stop.ts';
import { describeGrowth, describeSample, elapsed, say, summary, verdicts } from './terminal.ts';
import { keyOf } from './workloads.ts';

const docs = join(import.meta.dirname, '../docs');

const plan = readPlan();
const stop = endAtSignals();
try {
  process.exitCode = plan.fromJson ? await rewrite() : await main(plan);
} catch (error) {
  process.exitCode = 1;
  say(stop.aborted ? `stopped after ${elapsed()}` : `bench: ${(error as Error).message}`);
}

function readPlan(): Plan {
  try {
    const found = readArguments(process.argv.slice(2));
    if (!('text' in found)) return found;
    process.stdout.write(found.text);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

/** @returns the exit status */
async function main({ growth: parts, growthPeers, quick }: Plan): Promise<number> {
  const commands = await buildCommands(say);
  stop.throwIfAborted();
  const described = describePeers(commands.peer, await buildComponent());
  await using nats = await NatsServer.start();
  const bench: Bench = {
    nats,
    load: commands.load,
    ...(quick ? { seconds: 2, warmup: 1, share: 0.35 } : { seconds: 2.5, warmup: 2, share: 0.5 }),
  };
  const { results, failures: failedRuns } = await measureRounds(bench, described);
  const { growth, failures: failedGrowth } = await measureGrowth({
    bench,
    peers: Object.fromEntries(growthPeers.map((name) => [name, described[name]])),
    parts,
    size: quick ? quickGrowth : fullGrowth,
    say,
    signal: stop,
  });
  stop.throwIfAborted();
  return conclude(results, growth, failedRuns + failedGrowth);
}

async function measureRounds(
  bench: Bench,
  described: Record<PeerName, Peer>,
): Promise<{ results: Results; failures: number }> {
  const results: Results = {};
  let failures = 0;
  const runs = plan.rounds * plan.workloads.length;
  for (let round = 0; round < plan.rounds; round++) {
    for (const [index, { workload, peers }] of plan.workloads.entries()) {
      const number = round * plan.workloads.length + index + 1;
      say(`[${number}/${runs}, ${elapsed()}] round ${round + 1}: ${keyOf(workload)}`);
      const able = peers.filter((name) => workload.via === 'daprd' || described[name].start);
      // The order changes with each round, because each peer affects the one after it.
      for (const name of orderOf(able, round)) {
        let sample: Sample | null = null;
        try {
          sample = await workload.run(bench, described[name]);
          say(`  ${name.padEnd(12)} ${describeSample(sample)}`);
        } catch (error) {
          stop.throwIfAborted();
          failures++;
          say(`  ${name.padEnd(12)} FAILED: ${(error as Error).message}`);
        }
        const all = results[keyOf(workload)] ?? {};
        results[keyOf(workload)] = { ...all, [name]: [...(all[name] ?? []), sample] };
      }
    }
  }
  return { results, failures };
}

/** @returns the exit status */
async function conclude(results: Results, growth: Growth, failures: number): Promise<number> {
  const machine = await describeMachine();
  say(`\n${machine}\n`);
  for (const { workload } of plan.workloads) say(summary(results, workload));
  for (const line of describeGrowth(growth)) say(line);
  const steal = stealOf(results);
  if (steal) say(describeSteal(steal));
  say(['', ...verdicts({ results, growth })].join('\n'));
  if (plan.writes && failures > 0) say('\nnothing written: see the failed runs above');
  else if (plan.writes) {
    const date = new Date().toISOString().slice(0, 10);
    const { rounds } = plan;
    const measured = { date, machine, rounds, ...(steal ? { steal } : {}), results, growth };
    say(`\nwritten: ${(await report(measured, docs)).join(', ')}`);
  }
  say(`\n${failures > 0 ? `${failures} runs failed, ` : ''}${elapsed()}`);
  return failures > 0 ? 1 : 0;
}

/** @returns the exit status */
async function rewrite(): Promise<number> {
  const written = await report(await readPerformance(docs), docs);
  say(`written: ${written.join(', ')}`);
  return 0;
}
