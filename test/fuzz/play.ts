import { openInitialised, type Target } from '../support/attacks/attack.ts';
import { frame, frameType, ping, uint32 } from '../support/http2/frames.ts';
import { Http2Client } from '../support/http2-client.ts';
import { until } from '../support/wait.ts';
import type { Random } from './random.ts';
import { component, type Script } from './script.ts';

/** How long a server may take to answer or to end the connection. Unit: milliseconds. */
const limit = 5_000;

export interface Fate {
  /** Whether the server has ended the connection. Otherwise the connection still answers. */
  ended: boolean;
  /** The problem, if there is one. */
  problem: string | undefined;
}

/** Plays a script on a connection of its own. Returns the fate of the connection. */
export async function play(target: Target, script: Script, random: Random): Promise<Fate> {
  using client = script.initialised
    ? await openInitialised(target, component[1])
    : // An acknowledgement of its own would come in the middle of a frame of the script.
      await Http2Client.connect(target.socket, { polite: false });
  for (const chunk of script.chunks) {
    client.send(chunk);
    if (random.chance(0.2)) await new Promise((done) => setImmediate(done));
  }
  if (random.chance(0.05)) {
    // The client vanishes, or half-closes the socket.
    if (random.chance(0.5)) client.socket.destroy();
    else client.socket.end();
    return { ended: true, problem: await endOf(client) };
  }
  // Awaited: the client is closed at the end of this function.
  return await (script.sound ? judgeSound(client, script) : judgeOther(client));
}

async function endOf(client: Http2Client): Promise<string | undefined> {
  return (await client.ends(limit)) ? undefined : 'a connection that was half-closed did not end';
}

async function judgeSound(client: Http2Client, { answered }: Script): Promise<Fate> {
  for (const stream of answered) {
    const outcome = await client.outcome(stream, limit);
    if (outcome !== 'OK') {
      return { ended: client.closed, problem: `a sound call on stream ${stream}: ${outcome}` };
    }
  }
  const problem = (await pings(client)) ? undefined : 'a sound connection does not answer';
  return { ended: client.closed, problem: problem ?? client.violations[0] };
}

/**
 * Checks that a connection that has sent nonsense ends or answers. The server may wait for the rest of a frame. Zeros
 * complete the frame, since it has 16,384 bytes at most, and begin another frame that is not allowed.
 */
async function judgeOther(client: Http2Client): Promise<Fate> {
  if (await pings(client, 60)) {
    const problem = client.closed ? undefined : client.violations[0];
    return { ended: client.closed, problem };
  }
  client.send(Buffer.alloc(20_000), frame(frameType.PING, 0, 0, Buffer.alloc(8)));
  const ends = await client.ends(limit);
  return { ended: true, problem: ends ? undefined : 'a connection neither ends nor answers' };
}

/** Whether the server answers a PING or has ended the connection. */
async function pings(client: Http2Client, time = limit): Promise<boolean> {
  const data = Buffer.concat([Buffer.from('fuzz'), uint32(client.frames.length)]);
  client.send(ping(data));
  const answered = () =>
    client.closed || client.received(frameType.PING).some(({ payload }) => payload.equals(data));
  return until('the PING', answered, time).catch(() => false);
}
