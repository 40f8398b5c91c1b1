import { setTimeout as sleep } from 'node:timers/promises';
import { data, defaultFrameSize, flag, windowUpdate } from '../http2/frames.ts';
import { type ClientOptions, Http2Client } from '../http2-client.ts';
import { initRequest } from '../messages.ts';

export interface Target {
  /** The component's socket. */
  socket: string;
  natsURL: string;
}

/** Number of connections or calls by the way they ended, for example `GOAWAY ENHANCE_YOUR_CALM`. */
export type Outcomes = Record<string, number>;

/** Attacks for a few seconds at most. Calls `note` with the outcome of each connection or call. */
export type Attack = (
  target: Target,
  note: (outcome: string, count?: number) => void,
) => Promise<void>;

/** A peer that reads nothing for so long holds the sender back. Unit: milliseconds. */
const heldBackAfter = 1_500;

/** Time to wait for the end of a connection after the last byte. Unit: milliseconds. */
const outcomeLimit = 1_500;

/** Lets the event loop read what has arrived. */
export const turn = () => new Promise<void>((done) => setImmediate(done));

/** Returns what ended the connection; undefined while it is open. */
export function cutOff(client: Http2Client): string | undefined {
  return client.events.find(({ stream }) => stream === 0)?.what;
}

/**
 * Sends the parts that `next` returns. Stops when `next` returns undefined, the server ends the connection or reads
 * nothing more, or the time is over. Returns the outcome.
 */
export async function pour(
  client: Http2Client,
  next: (index: number) => Uint8Array | undefined,
  milliseconds = 4_000,
): Promise<string> {
  const deadline = performance.now() + milliseconds;
  for (let index = 0; performance.now() < deadline; index++) {
    const part = next(index);
    if (!part) break;
    const taken = client.push(part).then(() => true);
    await turn();
    const abort = new AbortController();
    const late = sleep(heldBackAfter, false, { signal: abort.signal }).catch(() => false);
    const inTime = await Promise.race([taken, late]);
    abort.abort();
    const cut = cutOff(client);
    if (cut) return cut;
    if (!inTime) return 'held back';
  }
  const outcome = await client.outcome(undefined, outcomeLimit);
  return outcome === 'nothing' ? 'goes on' : outcome;
}

/** Opens connections, a few at a time: more than the backlog of the socket would be refused. */
export async function openMany(
  count: number,
  open: () => Promise<Http2Client>,
): Promise<Http2Client[]> {
  const clients: Http2Client[] = [];
  const work = async () => {
    while (clients.length < count) {
      const opening = open().catch(() => undefined);
      const client = await opening;
      if (!client) await sleep(5);
      else if (clients.length < count) clients.push(client);
      else client.socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: 50 }, work));
  return clients;
}

/** Opens a connection that has initialised a Component of this name. */
export async function openInitialised(
  { socket, natsURL }: Target,
  name: string,
  options?: ClientOptions,
): Promise<Http2Client> {
  const client = await Http2Client.open(socket, options);
  const request = initRequest({ natsURL, consumerID: name });
  const stream = client.request('Init', request, [['x-component-instance', name]]);
  const outcome = await client.outcome(stream, 10_000);
  if (outcome !== 'OK') throw new Error(`Init: ${outcome}`);
  return client;
}

/** Lets the server send without waiting for a window of the connection. */
export function openWindow(client: Http2Client): void {
  client.send(windowUpdate(0, 0x7000_0000));
}

/** Sends like {@link pour}, and reads only at the end. Returns the outcome. */
export async function pourUnread(
  client: Http2Client,
  next: (index: number) => Uint8Array | undefined,
  milliseconds?: number,
): Promise<string> {
  openWindow(client);
  client.socket.pause();
  const outcome = await pour(client, next, milliseconds);
  client.socket.resume();
  await sleep(outcomeLimit);
  return cutOff(client) ?? outcome;
}

/** Notes the outcome of each call. Waits `limit` milliseconds for all calls together. */
export async function noteCalls(
  client: Http2Client,
  calls: Iterable<number>,
  note: (outcome: string) => void,
  limit = 5_000,
): Promise<void> {
  const deadline = performance.now() + limit;
  for (const stream of calls) {
    note(await client.outcome(stream, Math.max(0, deadline - performance.now())));
  }
}

/** Returns the DATA frames of a whole request body. */
export function inFrames(stream: number, body: Uint8Array): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += defaultFrameSize) {
    const end = Math.min(body.length, at + defaultFrameSize);
    const flags = end === body.length ? flag.END_STREAM : 0;
    parts.push(data(stream, body.subarray(at, end), flags));
  }
  return parts;
}
