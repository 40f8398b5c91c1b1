import { setTimeout as sleep } from 'node:timers/promises';
import { startComponent } from '../test/support/component.ts';
import { temporaryFolder } from '../test/support/temp.ts';
import { firstAnswer, initialise, servesPubSub } from './first-answer.ts';
import { type Peer, type PeerName, socketOf } from './peers.ts';
import { residentNow } from './process-usage.ts';
import { median } from './results.ts';

/** From spawning a process until it first answers over gRPC. Unit: milliseconds. */
export interface Start {
  median: number;
  /** Median until Init has been answered as well, which is called then. */
  initialised?: number;
  /** With an empty compile cache; undefined for what has none. */
  first?: number;
  /** Median of the resident sizes a second later. Unit: MB. */
  resident: number;
}

/** When the size of an idle process is taken, after Init. Unit: milliseconds. */
const idle = 1_000;

export interface StartOptions {
  name: PeerName;
  peer: Peer;
  /** How the peer's process is started. */
  start: NonNullable<Peer['start']>;
  /** Metadata of its Component. */
  metadata: Record<string, string>;
  count: number;
  /** Ends the measuring with its reason. */
  signal: AbortSignal;
}

/** One start after the other, each in a folder of its own; the first one does not count. */
export async function measureStarts(options: StartOptions): Promise<Start> {
  await using cache = await temporaryFolder();
  const cached = options.name === 'ours';
  const env = { NODE_COMPILE_CACHE: cache.path };
  const start = cached ? (folder: string) => startComponent({ folder, env }) : options.start;
  // Also what brings its files into the page cache, for every peer.
  const first = await measureStart({ ...options, start });
  const found: OneStart[] = [];
  while (found.length < options.count) found.push(await measureStart({ ...options, start }));
  const medianOf = (key: keyof OneStart) => Math.round(median(found.map((one) => one[key])));
  return {
    median: medianOf('answered'),
    initialised: medianOf('initialised'),
    ...(cached ? { first: Math.round(first.answered) } : {}),
    resident: medianOf('resident'),
  };
}

interface OneStart {
  answered: number;
  initialised: number;
  resident: number;
}

async function measureStart({ peer, start, metadata, signal }: StartOptions): Promise<OneStart> {
  signal.throwIfAborted();
  await using folder = await temporaryFolder();
  const socket = socketOf(peer, folder.path);
  // The first call a process makes takes longer: not to be part of what is measured.
  await servesPubSub(socket).catch(() => undefined);
  const failed = new AbortController();
  const from = performance.now();
  const answer = firstAnswer(socket, AbortSignal.any([signal, failed.signal]));
  // Whoever waits for it hears of it; a start that fails comes first.
  answer.catch(() => undefined);
  try {
    await using child = await start(folder.path);
    const answered = (await answer) - from;
    using _ = await initialise(socket, metadata);
    const initialised = performance.now() - from;
    await sleep(idle);
    return { answered, initialised, resident: await residentNow(child.pid) };
  } finally {
    failed.abort();
  }
}
