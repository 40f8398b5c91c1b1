import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Outcomes } from './attacks/attack.ts';
import { Child } from './child.ts';
import { Http2Client } from './http2-client.ts';
import type { Neighbour } from './neighbour.ts';
import type { Pair } from './pair.ts';
import { processorTime, ResidentPeak } from './resident.ts';

const attackerFile = fileURLToPath(new URL('attacker.ts', import.meta.url));

/** Longest time that a call of the well-behaved client may take during an attack. Unit: milliseconds. */
const neighbourLimit = 250;

/** Longest time that an attack may take. Unit: milliseconds. */
const attackLimit = 30_000;

/** Runs an attack in a process of its own. Returns the outcomes. */
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
  /** Outcomes that are allowed for the attacker's connections and calls. */
  allowed: readonly string[];
  /** Called when the attacker has finished its preparation. */
  onReady?: () => void;
}

/** Outcomes by which a server stops or slows down a client. */
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
 * Runs an attack beside a well-behaved client. Checks that the component lives, that its size stays bounded, that it
 * serves new connections, and that it answers the well-behaved client in time. FLOOD_REPORT=1 prints the figures.
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
