/**
 * `npm run bench`: measures this component beside others, in one run and in turn, and writes
 * docs/performance.json, the tables in docs/performance.md and the charts beside it.
 *
 * Exit status: 0 when everything could be measured, whatever came out; 1 when not; 2 for a wrong
 * option.
 */
import { parseArgs } from 'node:util';
import { NatsServer } from '../test/support/nats-server.ts';
import { describeMachine } from '../tools/machine.ts';
import { buildCommands } from './build.ts';
import {
  fullGrowth,
  type Growth,
  type GrowthPart,
  growthParts,
  growthTitles,
  measureGrowth,
  quickGrowth,
} from './growth.ts';
import { orderOf } from './order.ts';
import { describePeers, type Peer, type PeerName, peers } from './peers.ts';
import { readPerformance, report } from './report.ts';
import { keyOf, type Results, targets } from './results.ts';
import { select } from './selection.ts';
import { describeSteal, stealOf } from './steal.ts';
import { endAtSignals } from './stop.ts';
import { describeGrowth, describeSample, elapsed, say, summary, verdicts } from './terminal.ts';
import { type Bench, type Sample, workloads } from './workloads.ts';

const usage = `npm run bench [-- OPTIONS]

  --quick           two minutes: what there are targets for, in short runs; writes nothing
  --only NAME,NAME  these alone, such as daprd/publish-1, socket/ or growth; writes nothing
  --peer NAME,NAME  ${peers.join(', ')}; writes nothing
  --rounds N        3 unless given; fewer write nothing
  --list            print the names
  --from-json       write page and charts anew from docs/performance.json; measures nothing

Needs Linux. All of it takes about 30 minutes. Nothing else should run on the machine meanwhile.
`;

/** What --quick measures. */
const quick = targets.map(({ workload }) => workload);

const options = readArguments();
const stop = endAtSignals();
try {
  process.exitCode = options.fromJson ? await rewrite() : await main();
} catch (error) {
  process.exitCode = 1;
  say(stop.aborted ? `stopped after ${elapsed()}` : `bench: ${(error as Error).message}`);
}

async function main(): Promise<number> {
  const commands = await buildCommands(say);
  stop.throwIfAborted();
  const described = describePeers(commands.peer);
  await using nats = await NatsServer.start();
  const bench: Bench = {
    nats,
    load: commands.load,
    ...(options.quick
      ? { seconds: 2, warmup: 1, share: 0.35 }
      : { seconds: 2.5, warmup: 1, share: 0.5 }),
  };
  const { results, failures: failedRuns } = await measureRounds(bench, described);
  const chosen = options.peers.map((name) => [name, described[name]]);
  const { growth, failures: failedGrowth } = await measureGrowth({
    bench,
    peers: Object.fromEntries(chosen),
    parts: options.growth,
    size: options.quick ? quickGrowth : fullGrowth,
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
  const runs = options.rounds * options.workloads.length;
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, workload] of options.workloads.entries()) {
      const number = round * options.workloads.length + index + 1;
      say(`[${number}/${runs}, ${elapsed()}] round ${round + 1}: ${keyOf(workload)}`);
      const able = options.peers.filter(
        (name) => workload.via === 'daprd' || described[name].start,
      );
      // Whoever comes first finds a cooler machine, and each what the one before has left.
      for (const name of orderOf(able, round)) {
        let sample: Sample | null = null;
        try {
          sample = await workload.run(bench, described[name]);
          say(`  ${name.padEnd(8)} ${describeSample(sample)}`);
        } catch (error) {
          stop.throwIfAborted();
          failures++;
          say(`  ${name.padEnd(8)} FAILED: ${(error as Error).message}`);
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
  for (const workload of options.workloads) say(summary(results, workload));
  for (const line of describeGrowth(growth)) say(line);
  const steal = stealOf(results);
  if (steal) say(describeSteal(steal));
  say(['', ...verdicts(results)].join('\n'));
  if (options.writes && failures > 0) say('\nnothing written: see the failed runs above');
  else if (options.writes) {
    const date = new Date().toISOString().slice(0, 10);
    const { rounds } = options;
    const written = await report({
      date,
      machine,
      rounds,
      ...(steal ? { steal } : {}),
      results,
      growth,
    });
    say(`\nwritten: ${written.join(', ')}`);
  }
  say(`\n${failures > 0 ? `${failures} runs failed, ` : ''}${elapsed()}`);
  return failures > 0 ? 1 : 0;
}

/** @returns the exit status */
async function rewrite(): Promise<number> {
  const written = await report(await readPerformance());
  say(`written: ${written.join(', ')}`);
  return 0;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        peer: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        list: { type: 'boolean' },
        'from-json': { type: 'boolean', default: false },
        help: { type: 'boolean' },
      },
    });
    if (values.help) leave(usage);
    const others = [values.quick, values.only, values.peer, values.rounds, values.list].some(
      Boolean,
    );
    if (values['from-json'] && others)
      throw new Error('--from-json: goes with no other option, as it measures nothing');
    if (values.list) {
      const growth = growthParts.map((part) => `growth/${part}: ${growthTitles[part]}`);
      const titled = workloads.map((one) => `${keyOf(one)}: ${one.title}`);
      leave(`${[...titled, ...growth].join('\n')}\n`);
    }
    const rounds = Number(values.rounds ?? (values.quick ? 2 : 3));
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error('--rounds: use a number from 1 on');
    const growthKey = (part: GrowthPart) => `growth/${part}`;
    const only = values.only?.flatMap((names) => names.split(',')).filter((name) => name !== '');
    const keys = [...workloads.map(keyOf), ...growthParts.map(growthKey)];
    const selected = only && select(keys, only);
    const chosen = workloads.filter((one) =>
      selected
        ? selected.has(keyOf(one))
        : !values.quick || (one.via === 'daprd' && quick.includes(one.name)),
    );
    const names = [...new Set(values.peer?.flatMap((names) => names.split(',')) ?? peers)];
    const unknown = names.filter((name) => !peers.includes(name as PeerName));
    if (unknown.length > 0) throw new Error(`--peer: use some of ${peers.join(', ')}`);
    const writes = !values.quick && !only && !values.peer && rounds >= 3;
    const growth = growthParts.filter((part) => writes || selected?.has(growthKey(part)));
    return {
      rounds,
      workloads: chosen,
      growth,
      peers: names as PeerName[],
      quick: values.quick,
      writes,
      fromJson: values['from-json'],
    };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function leave(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}
