/**
 * `npm run test:fuzz`: sends frames in random order, changed frames and random bytes to the component's socket, on
 * several connections at a time, beside a well-behaved client.
 *
 * Exit status: 0 when all is well, 1 when not, 2 for a wrong option.
 */
import { parseArgs } from 'node:util';
import { Neighbour } from '../support/neighbour.ts';
import { type Pair, startPair } from '../support/pair.ts';
import { residentSize } from '../support/resident.ts';
import { play } from './play.ts';
import { Random } from './random.ts';
import { makeScript } from './script.ts';

const usage = `npm run test:fuzz [-- OPTIONS]

  --minutes N  how long (default 2, 0.05 to 1440)
  --seed S     begin with this round; the default is random. Each round is one more
  --rounds N   end after so many rounds
`;

/** Longest time that a call of the well-behaved client may take. Unit: milliseconds. */
const neighbourLimit = 250;

/** How far the resident size of the component may rise. Unit: MB. */
const growthLimit = 150;

/** How long the process warms up before its size counts. Unit: milliseconds. */
const warmUp = 3_000;

/** Between two lines of progress. Unit: milliseconds. */
const progressInterval = 5_000;

const { minutes, seed, rounds } = readArguments();
const totals = {
  rounds: 0,
  connections: 0,
  ended: 0,
  sound: 0,
  frames: 0,
  late: 0,
  lateInRound: 0,
};
process.exitCode = (await run()) ? 0 : 1;

async function run(): Promise<boolean> {
  await using pair = await startPair();
  await pair.nats.stream('FUZZ', 'fuzz');
  await using neighbour = await Neighbour.start(pair, { newConnections: true });
  const start = performance.now();
  const end = start + minutes * 60_000;
  let before: number | undefined;
  let growth = 0;
  let said = start;
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopped = true;
    });
  }
  say(`seed ${seed}`);
  const goesOn = () => !stopped && performance.now() < end && totals.rounds < rounds;
  for (let round = seed; goesOn(); round++) {
    const problems = await playRound(pair, neighbour, round);
    if (problems.length === 0 && (await isSlow(pair, neighbour, round))) {
      problems.push(
        `calls of the neighbour took over ${neighbourLimit} ms, three times: ${neighbour.summary()}`,
      );
    }
    const now = performance.now();
    const size = pair.component.running ? await residentSize(pair.component.pid) : 0;
    if (before === undefined && now - start > warmUp) before = size;
    growth = Math.max(growth, size - (before ?? size));
    if (!pair.component.running)
      problems.push(...['the component has ended', ...pair.component.lines]);
    if (growth > growthLimit) problems.push(`the component grew by ${growth} MB`);
    if (problems.length > 0) {
      for (const problem of problems) say(`NOT GOOD: ${problem}`);
      say(`failed with seed ${round}; again: npm run test:fuzz -- --seed ${round} --rounds 1`);
      return false;
    }
    if (now - said > progressInterval) {
      said = now;
      say(summary(neighbour, before, growth));
    }
  }
  say(`fuzz: ${summary(neighbour, before, growth)}`);
  return true;
}

/** Returns whether the neighbour waited too long in this round, and again each time that the round is repeated. */
async function isSlow(pair: Pair, neighbour: Neighbour, round: number): Promise<boolean> {
  for (let repetition = 0; totals.lateInRound > 0; repetition++) {
    // Once may be the machine.
    if (repetition === 2) return true;
    say(`seed ${round}: ${totals.lateInRound} late calls: again`);
    await playRound(pair, neighbour, round);
  }
  return false;
}

/** Plays one round. Returns the problems. */
async function playRound(pair: Pair, neighbour: Neighbour, round: number): Promise<string[]> {
  const random = new Random(round);
  const scripts = Array.from({ length: random.int(1, 12) }, () => makeScript(random));
  const before = neighbour.latencies.length;
  const target = { socket: pair.component.socket, natsURL: pair.nats.url };
  const playing = scripts.map((script, index) => play(target, script, new Random(round + index)));
  const fates = await Promise.all(playing);
  totals.rounds++;
  totals.connections += scripts.length;
  totals.ended += fates.filter(({ ended }) => ended).length;
  totals.sound += scripts.filter(({ sound }) => sound).length;
  totals.frames += scripts.reduce((sum, { frames }) => sum + frames, 0);
  const problems = fates.flatMap(({ problem }) => problem ?? []);
  const late = neighbour.latencies.slice(before).filter((time) => time > neighbourLimit);
  totals.lateInRound = late.length;
  totals.late += late.length;
  return [...problems, ...neighbour.complaints(Number.POSITIVE_INFINITY)];
}

function summary(neighbour: Neighbour, before: number | undefined, growth: number): string {
  const { connections, ended, sound, frames, late } = totals;
  const counts = [
    `${totals.rounds} rounds`,
    `${connections} connections (${sound} sound, ${ended} ended)`,
    `${frames} frames`,
    `neighbour: ${neighbour.summary()}, ${late} over ${neighbourLimit} ms`,
    `resident ${before ?? '?'} + ${growth} MB`,
  ];
  return counts.join(', ');
}

function readArguments(): { minutes: number; seed: number; rounds: number } {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '2' },
        seed: { type: 'string' },
        rounds: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    const minutes = Number(values.minutes);
    const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
    const rounds = Number(values.rounds ?? Number.POSITIVE_INFINITY);
    if (!(minutes >= 0.05 && minutes <= 1440)) throw new Error('--minutes: use 0.05 to 1440');
    if (!Number.isSafeInteger(seed)) throw new Error('--seed: use a whole number');
    if (!(rounds >= 1)) throw new Error('--rounds: use 1 or more');
    return { minutes, seed, rounds };
  } catch (error) {
    process.stderr.write(`test:fuzz: ${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
