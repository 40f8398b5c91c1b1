import type { Code } from '../../../src/grpc/status.ts';

/** Names of metadata with their values; a name may come more than once. */
export type Entries = readonly (readonly [name: string, value: string | Buffer])[];

/** How the handler ends a call. */
export interface Ending {
  code: Code;
  message: string;
  trailers: Entries;
}

/** A message by its size; its bytes follow from that. 'undecodable' is one that the server's codec refuses. */
export type Size = number | 'undecodable';

export type Step =
  | { by: 'client'; do: 'send'; size: Size }
  | { by: 'client'; do: 'halfClose' }
  /** @see Plan.steps; `called` waits until the server has called the handler. */
  | { by: 'client'; do: 'cancel'; called: boolean }
  | { by: 'client'; do: 'pause' | 'resume' }
  | { by: 'server'; do: 'metadata'; entries: Entries }
  /** `wait` waits for room before the next step. */
  | { by: 'server'; do: 'write'; size: number; wait: boolean }
  | { by: 'server'; do: 'pause' | 'resume' }
  | { by: 'server'; do: 'end'; ending: Ending }
  | { by: 'server'; do: 'throw' };

/** The method that is called, and what the client takes it for. */
export interface Plan {
  path: string;
  client: 'unary' | 'clientStream' | 'serverStream' | 'bidi';
  metadata: Entries;
  /** Unit: milliseconds. */
  timeout: number | undefined;
  /** Whether the handler does its first step in a later turn of the event loop. */
  later: boolean;
  /**
   * What client and handler do. Before a step, each waits for what the steps before it make the other one send, but
   * not while it has paused reading. So nearly all of what both see follows from the plan.
   */
  steps: readonly Step[];
}

export const paths = {
  unary: '/differential.Test/Unary',
  streaming: '/differential.Test/Streaming',
};

/** What the handler of a call has seen. */
export interface ServerView {
  called: boolean;
  timed: boolean;
  metadata: Record<string, unknown>;
  messages: string[];
  /** Messages that came while the handler had paused: there must be none. */
  whilePaused: number;
  /** Whether the client's half-close has been seen. */
  ended: boolean;
  cancelled: boolean;
}

/** What the client of a call has seen. */
export interface ClientView {
  metadata: Record<string, unknown> | undefined;
  messages: string[];
  code: number;
  details: string;
  trailers: Record<string, unknown>;
}

const undecodable = Buffer.from('undecodable');

/** Returns the bytes of a message. */
export function bytesOf(size: Size): Buffer {
  if (size === 'undecodable') return undecodable;
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < Math.min(size, 251); at++) bytes[at] = at + size;
  // Doubled from here on: every length has bytes of its own, and a part that is out of place shows.
  for (let at = 251; at < size; at *= 2) bytes.copyWithin(at, 0, Math.min(at, size - at));
  return bytes;
}

export const isUndecodable = (bytes: Buffer) => bytes.equals(undecodable);
