import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../test/support/temp.ts';
import { firstAnswer, initialise, servesPubSub } from './first-answer.ts';
import { median } from './median.ts';
import { type Peer, socketOf } from './peers.ts';
import { residentNow } from './process-usage.ts';

/** Time from spawning a process to its first answer over gRPC. Unit: milliseconds. */
export interface Start {
  median: number;
  /** Median of the time to the answer of Init, which is called after the first answer. */
  initialised?: number;
  /** With an empty compile cache; undefined for a peer without one. */
  first?: number;
  /** Median of the resident sizes one second later. Unit: MB. */
  resident: number;
}

/** Time from Init until the size of the idle process is taken. Unit: milliseconds. */
const idle = 1_000;

export interface StartOptions {
  peer: Peer;
  /** How the peer's process is started. */
  start: NonNullable<Peer['start']>;
  /** Metadata of its Component. */
  metadata: Record<string, string>;
  count: number;
  /** Ends the measuring with its reason. */
  signal: AbortSignal;
}

/** Starts the peer several times, each time in a folder of its own. The first start does not count. */
export async function measureStarts(options: StartOptions): Promise<Start> {
  await using cache = await temporaryFolder();
  const cached = options.peer.compileCache === true;
  const env = cached ? { NODE_COMPILE_CACHE: cache.path } : undefined;
  const start = (folder: string) => options.start(folder, env);
  // The first start also brings the peer's files into the page cache.
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
  // The first call of this process takes longer, so it is made before the measurement.
  await servesPubSub(socket).catch(() => undefined);
  const failed = new AbortController();
  const from = performance.now();
  const answer = firstAnswer(socket, AbortSignal.any([signal, failed.signal]));
  // It is awaited below. A start that fails rejects earlier.
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
