/**
 * `npm run test:chaos`: breaks what can break under real daprds, one scenario after the other, for
 * this component and for the one built into daprd, and writes docs/reliability.md.
 *
 * Exit status: 0 when this component kept every promise, 1 when not, 2 for a wrong option.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../tools/machine.ts';
import { describe, type Results, report } from './report.ts';
import { judge, type Outcome, type Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { type Peer, World } from './world.ts';

const usage = `npm run test:chaos [-- OPTIONS]

  --only NAME,NAME  these scenarios alone
  --peer NAME       ours or built-in alone
  --logs            keep what the processes say of good results, too
  --list            print the scenarios

A run of all of them takes about 20 minutes and writes docs/reliability.md.
`;

/** Kept of one scenario's logs. */
const mostLines = 20_000;

const { only, peers, logs } = readArguments();
World.endAtSignals();
const chosen = only ? scenarios.filter(({ name }) => only.includes(name)) : scenarios;
const started = performance.now();
const results: Results = {};
let failures = 0;
for (const [index, scenario] of chosen.entries()) {
  say(`\n[${index + 1}/${chosen.length}, ${elapsed()}] ${scenario.name}: ${scenario.title}`);
  for (const peer of peers) {
    if (peer === 'built-in' && scenario.notForBuiltIn) {
      say(`  ${peer.padEnd(9)} left out: ${scenario.notForBuiltIn}`);
      continue;
    }
    const lines: string[] = [];
    const outcome = await run(scenario, peer, lines);
    const broken = judge(scenario, outcome);
    if (peer === 'ours' && broken.length > 0) failures++;
    const verdict = broken.length > 0 ? `NOT GOOD: ${broken.join('; ')}` : 'good';
    say(`  ${peer.padEnd(9)} ${describe(outcome)}: ${verdict}`);
    if (broken.length > 0 || logs) say(`            logs: ${await keep(scenario, peer, lines)}`);
    results[scenario.name] = { ...results[scenario.name], [peer]: outcome };
  }
}
if (!only && peers.length === 2) {
  const date = new Date().toISOString().slice(0, 10);
  await report({ chaos: { date, machine: await describeMachine(), results } });
  say('\nwritten: docs/reliability.md');
}
say(`\n${chosen.length - failures} of ${chosen.length} scenarios good, in ${elapsed()}`);
process.exitCode = failures > 0 ? 1 : 0;

/** A scenario that cannot be played to its end is a result, too. */
async function run(scenario: Scenario, peer: Peer, lines: string[]): Promise<Outcome> {
  try {
    const log = (line: string) => {
      if (lines.length < mostLines) lines.push(`${new Date().toISOString()} ${line}`);
    };
    return await scenario.run({ peer, binary: 'daprd-allcomponents', log });
  } catch (error) {
    const counts = { sent: 0, received: 0, lost: 0, duplicates: 0, refused: 0 };
    return { ...counts, notPlayed: (error as Error).message, broken: ['could not be played'] };
  }
}

/** @returns the path of a file with what the processes of a scenario said */
async function keep(scenario: Scenario, peer: Peer, lines: string[]): Promise<string> {
  const folder = join(tmpdir(), 'dapr-nats-jetstream-chaos');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${scenario.name}-${peer}.log`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}

function readArguments(): { only: string[] | undefined; peers: Peer[]; logs: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        peer: { type: 'string' },
        list: { type: 'boolean' },
        logs: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) leave(usage);
    if (values.list)
      leave(`${scenarios.map(({ name, title }) => `${name}: ${title}`).join('\n')}\n`);
    const only = values.only?.split(',').filter((name) => name !== '');
    const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name));
    if (unknown?.length) throw new Error(`--only: no such scenario: ${unknown.join(', ')}`);
    const { peer } = values;
    const { logs = false } = values;
    if (peer === undefined) return { only, peers: ['ours', 'built-in'], logs };
    if (peer !== 'ours' && peer !== 'built-in') throw new Error('--peer: use ours or built-in');
    return { only, peers: [peer], logs };
  } catch (error) {
    process.stderr.write(`test:chaos: ${(error as Error).message}\n\n${usage}`);
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
