import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Outcomes } from './attacks/attack.ts';
import { Child } from './child.ts';
import { Http2Client } from './http2-client.ts';
import type { Neighbour } from './neighbour.ts';
import type { Pair } from './pair.ts';
import { processorTime, ResidentPeak } from './resident.ts';

const attackerFile = fileURLToPath(new URL('attacker.ts', import.meta.url));

/** What a call of the well-behaved client may take while somebody else attacks. Unit: milliseconds. */
const neighbourLimit = 250;

/** How long an attack may take, its own end included. Unit: milliseconds. */
const attackLimit = 30_000;

/** Runs an attack in a process of its own. Resolves with what has become of it. */
async function attack(
  pair: Pair,
  name: string,
  onReady: (() => void) | undefined,
): Promise<Outcomes> {
  await using attacker = await Child.start({
    name: `attacker (${name})`,
    command: process.execPath,
    args: [attackerFile, name, pair.component.socket, pair.nats.url],
    ready: /attacking/,
    onLine: (line) => {
      if (line === 'ready') onReady?.();
    },
  });
  const last = await attacker.line(/^\{/, attackLimit);
  return JSON.parse(last) as Outcomes;
}

export interface FloodOptions {
  pair: Pair;
  neighbour: Neighbour;
  name: string;
  /** How far the resident size may rise at most. Unit: MB. */
  growth: number;
  /** All that may become of the attacker's connections and calls. */
  allowed: readonly string[];
  /** Called when the attacker has said that it is ready: some attacks need a preparation. */
  onReady?: () => void;
}

/** The ways in which a server ends or bounds what a client does too much of. */
export const bounded = [
  'GOAWAY ENHANCE_YOUR_CALM',
  'RST_STREAM ENHANCE_YOUR_CALM',
  'RST_STREAM REFUSED_STREAM',
  'RESOURCE_EXHAUSTED',
  'HTTP 431',
  'closed',
  'held back',
] as const;

/**
 * Runs an attack beside a well-behaved client, and checks what holds for all: the component lives, its size stays
 * bounded, it serves new connections, and the calls of the well-behaved client are answered in time.
 */
export async function flood(options: FloodOptions): Promise<Outcomes> {
  const { pair, neighbour, name, growth, allowed, onReady } = options;
  const { component } = pair;
  neighbour.restart();
  const peak = await ResidentPeak.start(component.pid);
  const used = await processorTime(component.pid);
  const outcomes = await attack(pair, name, onReady);
  const grown = await peak.stop();
  const complaints = neighbour.complaints(neighbourLimit);
  const processor = (await processorTime(component.pid)) - used;
  const sizes = `${peak.before} + ${grown} MB, ${processor} ms of processor time`;
  const seen = `${JSON.stringify(outcomes)}, ${sizes}, ${neighbour.summary()}`;
  if (process.env.FLOOD_REPORT) console.log(`SEEN ${name}: ${seen}`, complaints.slice(0, 4));
  expect(component.running, seen).toBe(true);
  expect(complaints, seen).toEqual([]);
  expect(grown, seen).toBeLessThan(growth);
  expect(Object.keys(outcomes).filter((outcome) => !allowed.includes(outcome))).toEqual([]);
  using client = await Http2Client.open(component.socket);
  expect(await client.usable()).toBe('OK');
  return outcomes;
}
