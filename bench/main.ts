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
import { describePeers, type PeerName, peers } from './peers.ts';
import { judge, keyOf, medianOf, type Results, ratio } from './results.ts';
import { type Bench, type Sample, type Workload, workloads } from './workloads.ts';

const usage = `npm run bench [-- OPTIONS]

  --quick           two minutes: what there are targets for, in short runs; writes nothing
  --only NAME,NAME  these workloads alone, such as daprd/publish-1 or socket/; writes nothing
  --peer NAME,NAME  ${peers.join(', ')}; writes nothing
  --rounds N        3 unless given
  --list            print the workloads

All of it takes about 25 minutes. Nothing else should run on the machine meanwhile.
`;

const options = readArguments();
const started = performance.now();
process.exitCode = await main();

async function main(): Promise<number> {
  const commands = await buildCommands(say);
  const described = describePeers(commands.peer);
  await using nats = await NatsServer.start();
  const bench: Bench = {
    nats,
    load: commands.load,
    ...(options.quick
      ? { seconds: 2, warmup: 1, share: 0.35 }
      : { seconds: 4, warmup: 2, share: 1 }),
  };
  const results: Results = {};
  let failures = 0;
  const runs = options.rounds * options.workloads.length;
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, workload] of options.workloads.entries()) {
      const number = round * options.workloads.length + index + 1;
      say(`[${number}/${runs}, ${elapsed()}] round ${round + 1}: ${keyOf(workload)}`);
      // In another order each round: whoever comes first finds a cooler machine.
      for (const name of turned(options.peers, round)) {
        if (workload.via === 'socket' && !described[name].start) continue;
        try {
          const sample = await workload.run(bench, described[name]);
          const all = results[keyOf(workload)] ?? {};
          results[keyOf(workload)] = { ...all, [name]: [...(all[name] ?? []), sample] };
          say(`  ${name.padEnd(8)} ${describeSample(sample)}`);
        } catch (error) {
          failures++;
          say(`  ${name.padEnd(8)} FAILED: ${(error as Error).message}`);
        }
      }
    }
  }
  say(`\n${await describeMachine()}\n`);
  for (const workload of options.workloads) say(summary(results, workload));
  say('');
  for (const { title, against, atLeast, ratio, reached } of judge(results)) {
    if (ratio === undefined) continue;
    const verdict = reached ? 'reached' : 'NOT REACHED';
    say(`${title}: ${ratio.toFixed(2)} × ${against}, target ${atLeast.toFixed(2)}: ${verdict}`);
  }
  say(`\n${failures > 0 ? `${failures} runs failed, ` : ''}${elapsed()}`);
  return failures > 0 ? 1 : 0;
}

function summary(results: Results, workload: Workload): string {
  const cells = peers.flatMap((name) => {
    const value = medianOf(results[keyOf(workload)]?.[name], workload.judged);
    if (value === undefined) return [];
    const times = name === 'ours' ? undefined : ratio(results, workload, name);
    return [`${name} ${format(value)}${times ? ` (${times.toFixed(2)} ×)` : ''}`];
  });
  return `${keyOf(workload).padEnd(22)} ${workload.judged.padEnd(5)} ${cells.join(', ')}`;
}

function describeSample({ rate, p50, p99, componentCpu, daprdCpu, resident }: Sample): string {
  const parts = [`${format(rate)}/s`];
  if (p50 !== undefined) parts.push(`p50 ${format(p50)} us`);
  if (p99 !== undefined) parts.push(`p99 ${format(p99)} us`);
  parts.push(`CPU ${componentCpu.toFixed(1)} + ${daprdCpu.toFixed(1)} s/100k`);
  if (resident !== undefined) parts.push(`${resident} MB`);
  return parts.join(', ');
}

function format(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function turned<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        peer: { type: 'string' },
        rounds: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) leave(usage);
    if (values.list) leave(`${workloads.map((one) => `${keyOf(one)}: ${one.title}`).join('\n')}\n`);
    const rounds = Number(values.rounds ?? (values.quick ? 2 : 3));
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error('--rounds: use a number from 1 on');
    const parts = values.only?.split(',').filter((part) => part !== '');
    const quick = ['publish-1', 'publish-32', 'bulk', 'subscribe', 'latency'];
    const chosen = workloads.filter((one) =>
      parts
        ? parts.some(
            (part) => keyOf(one) === part || (part.endsWith('/') && keyOf(one).startsWith(part)),
          )
        : !values.quick || (one.via === 'daprd' && quick.includes(one.name)),
    );
    if (chosen.length === 0) throw new Error(`--only: no workload is named ${values.only}`);
    const names = values.peer?.split(',') ?? peers;
    const unknown = names.filter((name) => !peers.includes(name as PeerName));
    if (unknown.length > 0) throw new Error(`--peer: use some of ${peers.join(', ')}`);
    const writes = !values.quick && !parts && !values.peer;
    return { rounds, workloads: chosen, peers: names as PeerName[], quick: values.quick, writes };
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function leave(text: string): never {
  process.stdout.write(text);
  process.exit(0);
}

function elapsed(): string {
  const seconds = Math.round((performance.now() - started) / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
