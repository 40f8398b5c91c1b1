import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startComponent } from '../test/support/component.ts';
import { temporaryFolder } from '../test/support/temp.ts';
import { until } from '../test/support/wait.ts';
import type { Peer, PeerName } from './peers.ts';
import { residentNow } from './process-usage.ts';
import { median } from './results.ts';

/** From spawning a process until it is ready and its socket takes a connection. Unit: milliseconds. */
export interface Start {
  median: number;
  /** With an empty compile cache; undefined for what has none. */
  first?: number;
  /** Median of the resident sizes a second later. Unit: MB. */
  resident: number;
}

/** When the size of an idle process is taken, after it is ready. Unit: milliseconds. */
const idle = 1_000;

/** One start after the other, each in a folder of its own; the first one does not count. */
export async function measureStarts(
  name: PeerName,
  start: NonNullable<Peer['start']>,
  count: number,
  signal: AbortSignal,
): Promise<Start> {
  await using cache = await temporaryFolder();
  const cached = name === 'ours';
  const env = { NODE_COMPILE_CACHE: cache.path };
  const once = cached ? (folder: string) => startComponent({ folder, env }) : start;
  // Also what brings its files into the page cache, for every peer.
  const first = await measureStart(once);
  const times: number[] = [];
  const sizes: number[] = [];
  while (times.length < count) {
    signal.throwIfAborted();
    const { time, resident } = await measureStart(once);
    times.push(time);
    sizes.push(resident);
  }
  return {
    median: Math.round(median(times)),
    ...(cached ? { first: Math.round(first.time) } : {}),
    resident: Math.round(median(sizes)),
  };
}

async function measureStart(
  start: NonNullable<Peer['start']>,
): Promise<{ time: number; resident: number }> {
  await using folder = await temporaryFolder();
  const from = performance.now();
  await using child = await start(folder.path);
  // The Go peer names its socket before it listens there.
  await until('a connection', () => accepts(child.socket));
  const time = performance.now() - from;
  await sleep(idle);
  return { time, resident: await residentNow(child.pid) };
}

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
