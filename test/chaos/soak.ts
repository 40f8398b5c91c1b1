/**
 * `npm run test:soak`: a steady load through two real daprds for ten minutes, nothing broken. Nothing
 * may be lost, and the component's resident size must stay what it is. Writes docs/reliability.md.
 *
 * Exit status: 0 when so, 1 when not, 2 for a wrong option.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../tools/machine.ts';
import { residentSize } from '../support/resident.ts';
import { Tally } from '../support/tally.ts';
import { Load } from './load.ts';
import { describe, report, type Soak } from './report.ts';
import { makeStream, settle } from './scenario.ts';
import { World } from './world.ts';

const usage = `npm run test:soak [-- OPTIONS]

  --minutes N  how long (default 10, 2 to 1440); only a run of 10 or more is written to the docs
  --rate N     messages a second (default 200, 1 to 1000)
`;

/** Before the first sample that counts: caches fill, code is compiled. Unit: milliseconds. */
const warmUp = 60_000;

/** Between two samples. Unit: milliseconds. */
const sampleInterval = 5_000;

/** How far a sample may be from the middle of all, and the late ones above the early. Unit: MB. */
const tolerance = 20;

const { minutes, rate } = readArguments();
World.endAtSignals();
const soak = await run();
say(`\n${describe(soak.outcome)}`);
const broken = judge(soak);
for (const problem of broken) say(`NOT GOOD: ${problem}`);
if (minutes >= 10) {
  await report({ soak });
  say('written: docs/reliability.md');
}
process.exitCode = broken.length > 0 ? 1 : 0;

async function run(): Promise<Soak> {
  await using world = await World.start({ peer: 'ours', binary: 'daprd' });
  await makeStream(world);
  const tally = new Tally();
  const handle = (data: unknown) => tally.received((data as { orderId: number }).orderId);
  const receiver = await world.pod({ appId: 'receiver', app: { handle } });
  const sender = await world.pod({ appId: 'sender' });
  await receiver.daprd.subscribed('orders');
  const load = new Load({ daprd: sender.daprd, topic: 'orders', rate, tally });
  const start = performance.now();
  const resident = { subscriber: [] as number[], publisher: [] as number[] };
  while (performance.now() - start < minutes * 60_000) {
    await sleep(sampleInterval);
    const [subscriber, publisher] = await Promise.all(
      [receiver, sender].map(({ component }) => residentSize(component?.child.pid as number)),
    );
    const passed = performance.now() - start;
    const counts = `${tally.stored} sent, ${tally.arrived} received`;
    say(
      `${(passed / 60_000).toFixed(1)} min: ${counts}, resident ${subscriber} and ${publisher} MB`,
    );
    if (passed < warmUp) continue;
    resident.subscriber.push(subscriber as number);
    resident.publisher.push(publisher as number);
  }
  await load.stop();
  const outcome = await settle(world, tally);
  const date = new Date().toISOString().slice(0, 10);
  const machine = await describeMachine();
  return {
    date,
    machine,
    minutes,
    rate,
    outcome,
    resident: {
      subscriber: range(resident.subscriber),
      publisher: range(resident.publisher),
    },
  };
}

function range(samples: number[]) {
  const third = Math.ceil(samples.length / 3);
  return {
    least: Math.min(...samples),
    most: Math.max(...samples),
    early: median(samples.slice(0, third)),
    late: median(samples.slice(-third)),
  };
}

function median(samples: number[]): number {
  return samples.toSorted((one, other) => one - other)[Math.floor(samples.length / 2)] as number;
}

function judge({ outcome, resident }: Soak): string[] {
  const broken: string[] = [];
  const { sent, lost, refused } = outcome;
  if (lost > 0) broken.push(`${lost} lost`);
  if (refused > 0) broken.push(`${refused} refused`);
  const wanted = rate * minutes * 60;
  if (sent < wanted * 0.95) broken.push(`${sent} sent, not ${wanted}: the rate could not be held`);
  for (const [which, { least, most, early, late }] of Object.entries(resident)) {
    const growth = late - early;
    if (most - least <= 2 * tolerance && growth <= tolerance) continue;
    broken.push(
      `resident size of the ${which}'s component: ${least} to ${most} MB, growth ${growth} MB`,
    );
  }
  return broken;
}

function readArguments(): { minutes: number; rate: number } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        rate: { type: 'string', default: '200' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      say(usage);
      process.exit(0);
    }
    const minutes = Number(values.minutes);
    const rate = Number(values.rate);
    if (!(minutes >= 2 && minutes <= 1440)) throw new Error('--minutes: use 2 to 1440');
    if (!(rate >= 1 && rate <= 1000)) throw new Error('--rate: use 1 to 1000');
    return { minutes, rate };
  } catch (error) {
    process.stderr.write(`test:soak: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
